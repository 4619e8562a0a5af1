//! The operator's commands, which manage and check overrides.

mod changes;
mod doctor;
mod import;
mod table;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use catalog::{Catalog, Override, Overrides, ParameterLimit, Scope, Setting};
use clap::{Args, Subcommand};
use serde_json::{Number, Value};

use self::{changes::Change, table::Table};

/// The operator's own values of parameters.
#[derive(Subcommand)]
pub enum OverrideCommand {
    /// Set values, such as DelaySeconds=5
    Set {
        #[command(flatten)]
        scope: ScopeArguments,
        /// Parameters with their values
        #[arg(required = true, value_name = "PARAMETER=VALUE")]
        values: Vec<String>,
        #[command(flatten)]
        writing: Writing,
    },
    /// Limit the values that users can choose
    Limit {
        #[command(flatten)]
        scope: ScopeArguments,
        /// Parameter, or `plan` to limit the plans
        parameter: String,
        #[command(flatten)]
        limit: LimitArguments,
        #[command(flatten)]
        writing: Writing,
    },
    /// List all overrides, the most general ones first, with their problems
    List {
        #[command(flatten)]
        table: TableArguments,
    },
    /// Remove the values of parameters, or their limits
    Rm {
        #[command(flatten)]
        scope: ScopeArguments,
        /// Parameters
        #[arg(required = true, value_name = "PARAMETER")]
        parameters: Vec<String>,
        /// Remove the limits, not the values
        #[arg(long)]
        limit: bool,
        #[command(flatten)]
        writing: Writing,
    },
    /// Set the values of a PARAM_OVERRIDE_* block of the archived AWS Service Broker
    Import {
        /// File with a line NAME=VALUE for each variable; other variables are ignored
        file: PathBuf,
        /// Broker id of the archived broker, which the names of the variables contain
        #[arg(long, default_value = "awsservicebroker")]
        broker_id: String,
        #[command(flatten)]
        writing: Writing,
    },
}

/// The instances that an override is for. Without any option, they are all instances.
#[derive(Args)]
pub struct ScopeArguments {
    /// GUID of the organization; on Kubernetes, id of the cluster
    #[arg(long)]
    organization: Option<String>,
    /// GUID of the space; on Kubernetes, name or UID of the namespace
    #[arg(long)]
    space: Option<String>,
    /// Name of the service
    #[arg(long)]
    service: Option<String>,
}

/// The values that users can choose.
#[derive(Args)]
pub struct LimitArguments {
    /// Smallest allowed number
    #[arg(long, value_name = "NUMBER")]
    min: Option<Number>,
    /// Largest allowed number
    #[arg(long, value_name = "NUMBER")]
    max: Option<Number>,
    /// An allowed value; repeat the option for more
    #[arg(long, value_name = "VALUE")]
    allow: Vec<String>,
}

/// The table of the broker.
#[derive(Args)]
pub struct TableArguments {
    /// Name of the broker's table: the output TableName of its stack
    #[arg(long, env = "TABLE_NAME", value_name = "NAME")]
    table: String,
}

/// The table to change, or to compare with in a dry run.
#[derive(Args)]
pub struct Writing {
    #[command(flatten)]
    table: TableArguments,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl From<LimitArguments> for ParameterLimit {
    fn from(LimitArguments { min, max, allow }: LimitArguments) -> Self {
        let allow: Vec<_> = allow.into_iter().map(Value::from).collect();
        Self {
            min_value: min,
            max_value: max,
            allowed_values: (!allow.is_empty()).then_some(allow),
            value: None,
        }
    }
}

impl TryFrom<ScopeArguments> for Scope {
    type Error = anyhow::Error;

    fn try_from(arguments: ScopeArguments) -> Result<Self> {
        let scope = Self {
            organization: arguments.organization,
            space: arguments.space,
            service: arguments.service,
        };
        scope.normalized().map_err(anyhow::Error::msg)
    }
}

/// Runs an `override` command.
///
/// # Errors
///
/// The reason why the command failed. Nothing was changed, unless AWS failed between two changes.
#[tokio::main(flavor = "current_thread")]
pub async fn run(command: OverrideCommand, catalog: &Catalog) -> Result<()> {
    match command {
        OverrideCommand::Set {
            scope,
            values,
            writing,
        } => {
            let changes = changes::set(&scope.try_into()?, &values, catalog)?;
            apply(changes, writing).await
        }
        OverrideCommand::Limit {
            scope,
            parameter,
            limit,
            writing,
        } => {
            let change = changes::limit(scope.try_into()?, parameter, limit.into(), catalog)?;
            apply(vec![change], writing).await
        }
        OverrideCommand::List { table } => {
            let overrides = Table::open(table.table).await.overrides().await?;
            overrides
                .iter()
                .for_each(|it| println!("{}", line(it, catalog)));
            Ok(())
        }
        OverrideCommand::Rm {
            scope,
            parameters,
            limit,
            writing,
        } => apply(changes::rm(&scope.try_into()?, parameters, limit), writing).await,
        OverrideCommand::Import {
            file,
            broker_id,
            writing,
        } => {
            let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            let overrides = import::overrides(&text, &broker_id)?;
            apply(changes::of_import(overrides, catalog), writing).await
        }
    }
}

/// Runs the command `doctor`, which reports missing values and overrides without effect.
///
/// # Errors
///
/// Problems were found, or AWS failed.
#[tokio::main(flavor = "current_thread")]
pub async fn doctor(arguments: TableArguments, catalog: &Catalog) -> Result<()> {
    let overrides = Table::open(arguments.table).await.overrides().await?;
    doctor::examine(catalog, &overrides)
}

/// Prints each change, and applies it unless this is a dry run.
async fn apply(changes: Vec<Change>, writing: Writing) -> Result<()> {
    let table = Table::open(writing.table.table).await;
    let present = table.overrides().await?;

    for change in changes {
        println!("{}", change.line(&present));
        if !writing.dry_run {
            table.apply(&change).await?;
        }
    }

    if writing.dry_run {
        println!("Nothing was changed: this was a dry run.");
    } else {
        println!(
            "The broker uses this within a minute. Existing instances get it with their next update."
        );
    }
    Ok(())
}

/// Returns a line of text for the list of overrides.
fn line(it: &Override, catalog: &Catalog) -> String {
    let problem = it.problem(catalog);
    let problem = problem.map_or(String::new(), |reason| format!("  PROBLEM: {reason}"));
    format!("{}{problem}", described(it))
}

/// Returns a description of the override, with its scope.
fn described(it: &Override) -> String {
    let (scope, name) = (scope(&it.scope), &it.parameter);
    match &it.setting {
        Setting::Value(value) => format!("{scope}  {name}={value}"),
        Setting::Limit(limit) => format!("{scope}  {name} within {limit}"),
    }
}

fn scope(scope: &Scope) -> String {
    let parts = [
        ("organization", &scope.organization),
        ("space", &scope.space),
        ("service", &scope.service),
    ];

    let parts: Vec<_> = parts
        .into_iter()
        .filter_map(|(name, part)| Some(format!("{name} {}", part.as_deref()?)))
        .collect();

    if parts.is_empty() {
        "everybody".to_owned()
    } else {
        parts.join(", ")
    }
}

/// Returns the existing override with this key.
fn present<'a>(overrides: &'a Overrides, key: &str) -> Option<&'a Override> {
    overrides.iter().find(|it| it.key() == key)
}
