//! `asb`, the command line for those who operate the broker or write its services.
//!
//! It updates the files that are generated from `templates/`: the pages of services, the tables in
//! the READMEs, and the roles in `infra/`. `make generate` and `make new-service` run it. Only with
//! the feature `operator` does it have the commands that call AWS, and link an AWS SDK.

#![deny(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod catalog_page;
mod generated;
mod new_service;
#[cfg(feature = "operator")]
mod operator;
mod policy_yaml;
mod service_page;
mod services_stack;
mod settings;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use catalog::compiler::{self, Inspection, TEMPLATE_FILE};
use clap::{Parser, Subcommand};

/// Template of the broker's own stack. [`TARGET`] lets it work in another account or Region.
const STACK: &str = "infra/template.yaml";
const TARGET: &str = "infra/target-account.yaml";
/// Template of the roles and boundaries of services, which both need.
const SERVICES: &str = "infra/services.yaml";
/// Names of the roles and boundaries for the broker's own location, and for that of [`TARGET`].
const OWN_NAMES: &str = "${NamePrefix}.*.${AWS::Region}";
const NAMES_THERE: &str = "${NamePrefix}.*.${AWS::Region}${RoleSuffix}";
/// Names of the parts that both templates share.
const SHARED: [&str; 4] = [
    "stacks and users",
    "secrets and functions",
    "stack roles",
    "state machine logs",
];

/// The operator's command line of the AWS service broker. Run it in the folder of the repository.
#[derive(Parser)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write the files that are generated from the templates
    Generate,
    /// Fail if a generated file is not up to date
    Check,
    /// Create a service
    New {
        /// Name of the service
        #[arg(allow_hyphen_values = true)]
        name: String,
    },
    /// Set, list and remove the operator's own values of parameters
    #[cfg(feature = "operator")]
    Override {
        #[command(subcommand)]
        command: operator::OverrideCommand,
    },
    /// Say which plans lack a value, and which overrides have a problem
    #[cfg(feature = "operator")]
    Doctor {
        #[command(flatten)]
        table: operator::TableArguments,
    },
}

/// Path of a file, with its expected text.
type File = (PathBuf, String);

fn main() -> ExitCode {
    match run(CommandLine::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Generate => generate(),
        Command::Check => check(),
        Command::New { name } => new_service::start(&name),
        #[cfg(feature = "operator")]
        Command::Override { command } => operator::run(command, &catalog()?),
        #[cfg(feature = "operator")]
        Command::Doctor { table } => operator::doctor(table, &catalog()?),
    }
}

/// Returns the catalog of all templates. Its ids are those of no broker.
#[cfg(feature = "operator")]
fn catalog() -> Result<catalog::Catalog> {
    let offerings: Vec<_> = services()?
        .into_iter()
        .map(|service| service.offering)
        .collect();
    Ok(catalog::Catalog::new(offerings.into(), "", ""))
}

fn generate() -> Result<()> {
    for (path, text) in outdated()? {
        fs::write(&path, text).with_context(|| path.display().to_string())?;
        println!("{}", path.display());
    }
    Ok(())
}

fn check() -> Result<()> {
    check_support(&services()?)?;
    let paths: Vec<_> = outdated()?
        .into_iter()
        .map(|(path, _)| path.display().to_string())
        .collect();
    if paths.is_empty() {
        return Ok(());
    }
    bail!(
        "generated files are not up to date; run `make generate`: {}",
        paths.join(", ")
    )
}

/// Checks that AWS still supports the defaults of all services, such as an engine's version.
fn check_support(services: &[Inspection]) -> Result<()> {
    let today: String = jiff::Timestamp::now()
        .to_string()
        .chars()
        .take(10)
        .collect();
    for service in services {
        let support = service.end_of_support.as_ref();
        if let Some(ended) = support.and_then(|support| support.ended_default(&today)) {
            bail!(
                "templates/{}: AWS's standard support of the default {ended} has ended, or has no \
                 date in EndOfSupport; choose a later one",
                service.offering.name
            );
        }
    }
    Ok(())
}

/// Returns the outdated files, with their expected text.
fn outdated() -> Result<Vec<File>> {
    let services = services()?;
    let mut files = service_pages(&services)?;
    files.extend(catalog_pages(&services)?);

    files.push((SERVICES.into(), services_stack::render(&services)?));
    files.push(broker_stack(&services)?);
    files.push(target_stack()?);

    files.retain(|(path, text)| fs::read_to_string(path).ok().as_ref() != Some(text));
    Ok(files)
}

/// Returns the page of every service, beside its template.
fn service_pages(services: &[Inspection]) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for service in services {
        let name: &str = &service.offering.name;
        files.push((
            Path::new("templates").join(name).join("README.md"),
            service_page::render(service)?,
        ));
    }
    Ok(files)
}

/// Returns the pages that list all services.
fn catalog_pages(services: &[Inspection]) -> Result<[File; 2]> {
    let templates = generated::file(
        "templates/README.md",
        &[("services", catalog_page::services(services, ""))],
    )?;
    let project = generated::file(
        "README.md",
        &[("services", catalog_page::services(services, "templates/"))],
    )?;
    Ok([templates, project])
}

/// Returns the template of the broker's own stack.
fn broker_stack(services: &[Inspection]) -> Result<File> {
    let (all, of_iam) = (settings::all(services)?, settings::of_iam(services)?);

    let parts = [
        ("service names", services_stack::service_names(services)),
        ("settings of services", settings::parameters(&all)),
        (
            "variables of services",
            settings::lines(&all, settings::variable),
        ),
        (
            "guarded settings of services",
            settings::lines(&all, |name| format!("        - !Ref {name}")),
        ),
        (
            "settings of the deploy roles",
            settings::lines(&of_iam, |name| format!("        {name}: !Ref {name}")),
        ),
    ];

    generated::file(STACK, &parts)
}

/// Returns the template of the stack in another account or Region.
fn target_stack() -> Result<File> {
    let mut parts = Vec::new();
    for name in SHARED {
        let text = generated::shared(STACK, name)?.replace(OWN_NAMES, NAMES_THERE);
        parts.push((name, text));
    }
    generated::file(TARGET, &parts)
}

/// Returns every service below `templates/`, ordered by path.
fn services() -> Result<Vec<Inspection>> {
    let entries: Vec<_> = fs::read_dir("templates")
        .context("templates")?
        .collect::<Result<_, _>>()?;

    let mut files: Vec<_> = entries
        .into_iter()
        .map(|entry| entry.path().join(TEMPLATE_FILE))
        .collect();
    files.retain(|file| file.is_file());
    files.sort();

    let inspected = files.iter().map(|file| {
        let name = file.display().to_string();
        let text = fs::read_to_string(file).with_context(|| name.clone())?;
        Ok(compiler::inspect(&name, &text)?)
    });
    inspected.collect()
}
