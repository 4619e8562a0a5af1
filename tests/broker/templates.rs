//! The tool behind `make generate` and `make new-service`, in a folder of the test's own.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use aws_service_broker::catalog::compiler;
use serde_json::Value;
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
            "conditions",
            "deploy policies",
            "boundary",
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
            &(generated.clone()
                + &part("variables of services")
                + &part("guarded settings of services")
                + &part("guarded deploy policies")
                + &shared.map(share).concat()),
        );
        repository.write(
            "infra/target-account.yaml",
            &(generated + &shared.map(part).concat()),
        );
        repository
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let tool = env!("CARGO_BIN_EXE_templates");
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
fn a_new_service_is_complete() {
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
    let infra = repository.read("infra/template.yaml");
    assert_eq!(infra.matches("sqs:SendMessage").count(), 1, "{infra}");
    assert_eq!(infra.matches("sqs:CreateQueue").count(), 1, "{infra}");
    // Only if it is offered.
    assert!(
        infra.contains("OffersMyQueue2: !Or")
            && infra.contains("NeedsDeployPolicy1: !Condition OffersMyQueue2")
    );
}

#[test]
fn what_is_there_is_not_started_again() {
    let repository = Repository::new();
    repository.succeeds(&["new", "queue"]);
    repository.write("templates/queue/template.yaml", "mine");
    repository.fails(&["new", "queue"], "exists already");
    assert_eq!(repository.read("templates/queue/template.yaml"), "mine");
}

#[test]
fn a_name_is_one_that_platforms_and_files_take() {
    let repository = Repository::new();
    for name in [
        "", "Queue", "-queue", "queue-", "a b", "../queue", "1queue", "a--b",
    ] {
        repository.fails(&["new", name], "is not a name");
    }
    assert!(!Path::new(&repository.0).join("tests").exists());
}

#[test]
fn what_does_not_follow_from_the_templates_any_more_is_named() {
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

/// A template whose boundary allows so much that IAM would not take the policy of all of them.
#[test]
fn more_than_a_policy_can_hold_is_refused() {
    let repository = Repository::new();
    repository.succeeds(&["new", "queue"]);
    let template = repository.read("templates/queue/template.yaml");
    let many: Vec<_> = (0..300)
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
    repository.fails(&["generate"], "IAM takes 6144");
    let (before, after) = template
        .split_once("    DeployPolicy:\n")
        .expect("a deploy policy");
    repository.write(
        "templates/queue/template.yaml",
        &format!("{before}    DeployPolicy:\n      {statement}{after}"),
    );
    repository.fails(&["generate"], "the DeployPolicy of `queue` alone");
}

/// The services of this repository that hand out an identity: their names, with the keys of their
/// credentials.
fn keys_of_services() -> Vec<(String, Vec<String>)> {
    let offerings = compiler::compile_folder(Path::new("templates")).expect("templates");
    let with_identity = offerings
        .iter()
        .filter(|offering| !offering.bindings.scopes.is_empty());

    with_identity
        .map(|offering| {
            let keys = offering
                .bindings
                .credentials
                .iter()
                .map(|credential| credential.key.to_string());
            (offering.name.to_string(), keys.collect())
        })
        .collect()
}

#[test]
fn every_service_hands_out_the_keys_that_sdks_find_by_themselves() {
    let services = keys_of_services();
    assert!(services.len() >= 20, "{services:?}");

    for (service, keys) in services {
        for key in [
            "AWS_REGION",
            "AWS_DEFAULT_REGION",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_ROLE_ARN",
        ] {
            assert!(
                keys.iter().any(|other| other == key),
                "{service} has no {key}: {keys:?}"
            );
        }
    }
}

/// Kubernetes leaves others out where it makes variables of a secret.
/// <https://kubernetes.io/docs/tasks/inject-data-application/distribute-credentials-secure/>
#[test]
fn every_key_can_be_an_environment_variable() {
    let is_variable = |key: &str| {
        let is_character = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        key.starts_with(|c: char| c.is_ascii_uppercase()) && key.chars().all(is_character)
    };

    for (service, keys) in keys_of_services() {
        for key in keys {
            assert!(is_variable(&key), "{service}: {key}");
        }
    }
}

/// True if the statement lets a binding use a key of KMS. To describe one gives nothing away.
fn allows_use_of_a_key(statement: &Value) -> bool {
    let is_use = |action: &Value| {
        action
            .as_str()
            .is_some_and(|action| action.starts_with("kms:") && action != "kms:DescribeKey")
    };
    let action = &statement["Action"];
    statement["Effect"] == "Allow"
        && (is_use(action) || action.as_array().into_iter().flatten().any(is_use))
}

/// True if the statement is about the service's use of the key for certain resources, or if the
/// key's owner has agreed to it with a tag.
fn is_limited_to_what_is_encrypted(statement: &Value) -> bool {
    let operators = ["StringEquals", "StringLike", "ArnEquals", "ArnLike"];
    let conditions = operators
        .into_iter()
        .filter_map(|operator| statement["Condition"][operator].as_object());

    conditions
        .flat_map(|condition| condition.keys())
        .any(|key| {
            key.starts_with("kms:EncryptionContext:")
                || key == "aws:ResourceTag/servicebroker:space-guid"
        })
}

/// Whoever may create an instance can name any key. In a role that may read more than the instance,
/// the right to use the key for all of it would be a gift.
#[test]
fn a_key_that_a_user_names_is_for_the_instance_alone() {
    let offerings = compiler::compile_folder(Path::new("templates")).expect("templates");
    let mut uses = 0;

    // The key of an instance of the service kms is its own.
    for offering in offerings.iter().filter(|offering| &*offering.name != "kms") {
        for scope in &*offering.bindings.scopes {
            let statements: Vec<Value> =
                serde_json::from_str(&scope.statements).expect("statements");
            for statement in statements
                .iter()
                .filter(|statement| allows_use_of_a_key(statement))
            {
                assert!(
                    is_limited_to_what_is_encrypted(statement),
                    "{}, scope {}: {statement}",
                    offering.name,
                    scope.name
                );
                uses += 1;
            }
        }
    }

    assert!(uses >= 20, "statements about keys: {uses}");
}
