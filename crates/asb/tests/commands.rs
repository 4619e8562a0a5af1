//! The commands of `asb`, in a folder of the test's own.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use catalog::compiler;
use uuid::Uuid;

/// As little of the repository as the tool writes to; gone with the value.
struct Repository(PathBuf);

impl Repository {
    fn new() -> Self {
        let folder = env::temp_dir().join(format!("templates-{}", Uuid::new_v4()));
        fs::create_dir_all(folder.join("templates")).expect("a folder");
        fs::create_dir_all(folder.join("infra")).expect("a folder");
        let repository = Self(folder);
        let part = |name: &str| {
            format!(
                "before\n# generated: {name} (by hand)\nold\n# end of generated: {name}\nafter\n"
            )
        };
        repository.write("README.md", &part("services"));
        repository.write("templates/README.md", &part("services"));
        let generated = [
            "service names",
            "settings of services",
            "variables of services",
            "guarded settings of services",
            "settings of the deploy roles",
        ];
        let generated = generated.map(part).concat();
        let shared = [
            "stacks and users",
            "secrets and functions",
            "stack roles",
            "state machine logs",
        ];
        let share =
            |name: &str| format!("# shared: {name}\n  {name} of both\n# end of shared: {name}\n");
        repository.write(
            "infra/template.yaml",
            &(generated + &shared.map(share).concat()),
        );
        repository.write("infra/target-account.yaml", &shared.map(part).concat());
        repository
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let tool = env!("CARGO_BIN_EXE_asb");
        Command::new(tool)
            .args(arguments)
            .current_dir(&self.0)
            .output()
            .expect("the tool runs")
    }

    fn succeeds(&self, arguments: &[&str]) {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    #[track_caller]
    fn fails(&self, arguments: &[&str], reason: &str) {
        let output = self.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && error.contains(reason),
            "{error}"
        );
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.0.join(path), text).expect("written");
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        // A test that fails must not panic twice.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn new_service_is_complete() {
    let repository = Repository::new();
    repository.succeeds(&["new", "my-queue2"]);
    let template = repository.read("templates/my-queue2/template.yaml");
    let service = compiler::inspect("template.yaml", &template).expect("a template");
    assert_eq!(service.offering.name, "my-queue2");
    assert!(!service.permissions.deploy.is_empty() && !service.permissions.boundary.is_empty());
    assert!(
        repository
            .read("tests/deployed/services/test_my_queue2.py")
            .contains("class MyQueue2Test")
    );
    // What follows from it is there as well.
    repository.succeeds(&["check"]);
    assert!(
        repository
            .read("templates/my-queue2/README.md")
            .contains("cf create-service my-queue2 default")
    );
    let readme = repository.read("README.md");
    assert!(
        readme.contains("](templates/my-queue2/README.md)"),
        "{readme}"
    );
    assert!(
        readme.starts_with("before\n") && readme.ends_with("after\n") && !readme.contains("old"),
        "{readme}"
    );
    assert!(
        repository
            .read("infra/target-account.yaml")
            .contains("\n  stack roles of both\n")
    );
    let infra = repository.read("infra/services.yaml");
    assert_eq!(infra.matches("sqs:SendMessage").count(), 1, "{infra}");
    assert_eq!(infra.matches("sqs:CreateQueue").count(), 1, "{infra}");
    // Only if it is offered.
    let role = "MyQueue2DeployRole:\n    Type: AWS::IAM::Role\n    Condition: OffersMyQueue2\n";
    assert!(infra.contains("OffersMyQueue2: !Or") && infra.contains(role));
    assert!(infra.contains("MyQueue2Boundary:\n    Type: AWS::IAM::ManagedPolicy\n"));
}

#[test]
fn existing_service_is_not_overwritten() {
    let repository = Repository::new();
    repository.succeeds(&["new", "queue"]);
    repository.write("templates/queue/template.yaml", "mine");
    repository.fails(&["new", "queue"], "already exists");
    assert_eq!(repository.read("templates/queue/template.yaml"), "mine");
}

#[test]
fn invalid_service_names_are_refused() {
    let repository = Repository::new();
    for name in [
        "", "Queue", "-queue", "queue-", "a b", "../queue", "1queue", "a--b",
    ] {
        repository.fails(&["new", name], "is not a valid name");
    }
    assert!(!Path::new(&repository.0).join("tests").exists());
}

#[test]
fn outdated_generated_files_are_reported() {
    let repository = Repository::new();
    repository.succeeds(&["new", "queue"]);
    let page = repository.read("templates/queue/README.md");
    repository.write("templates/queue/README.md", "by hand");
    repository.fails(&["check"], "make generate`: templates/queue/README.md");
    assert_eq!(
        repository.read("templates/queue/README.md"),
        "by hand",
        "a check writes nothing"
    );
    repository.succeeds(&["generate"]);
    assert_eq!(repository.read("templates/queue/README.md"), page);
}

/// A template that allows so much that IAM would not take its policies.
#[test]
fn oversized_policies_are_refused() {
    let repository = Repository::new();
    repository.succeeds(&["new", "queue"]);
    let template = repository.read("templates/queue/template.yaml");
    let many: Vec<_> = (0..400)
        .map(|number| format!("sqs:SendMessage{number}ToSomebody"))
        .collect();
    let statement = format!(
        "- {{Effect: Allow, Action: [{}], Resource: '*'}}\n",
        many.join(", ")
    );
    let (before, after) = template
        .split_once("      Boundary:\n")
        .expect("a boundary");
    let large = format!("{before}      Boundary:\n        {statement}{after}");
    repository.write("templates/queue/template.yaml", &large);
    repository.fails(&["generate"], "the Bindings.Boundary of `queue` may have");
    let (before, after) = template
        .split_once("    DeployPolicy:\n")
        .expect("a deploy policy");
    repository.write(
        "templates/queue/template.yaml",
        &format!("{before}    DeployPolicy:\n      {statement}{after}"),
    );
    repository.fails(&["generate"], "the DeployPolicy of `queue` may have");
}
