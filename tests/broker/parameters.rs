//! The forms that parameters come in, and what is told of those that are wrong.

use serde_json::{Value, json};

use crate::support::{Answer, Client, INSTANCE, body_of, catalog_of, ids_of};

const TEMPLATE: &str = r#"
Description: Parameters of every kind.
Metadata:
  AWS::ServiceBroker::Specification:
    Name: kinds
    UpdatableParameters: [Flag, Whole, Number, Word, Choice, Names, Numbers]
    ServicePlans:
      only:
        Description: The only plan.
        ParameterValues: {Fixed: x}
    Bindings:
      Policies: {Use: [{Effect: Allow, Action: 'x:Use', Resource: '*'}]}
Parameters:
  Fixed: {Type: String, Default: ''}
  Flag: {Type: String, AllowedValues: ['true', 'false'], Default: 'false'}
  Whole: {Type: Number, MinValue: 0, MaxValue: 900, Default: 0}
  AtLeast: {Type: Number, MinValue: 1, Default: 1}
  Size: {Type: Number, AllowedValues: [1, 3, 5], Default: 1}
  Number: {Type: Number, MinValue: 0, MaxValue: 1, Default: 0.4}
  Anything: {Type: Number, Description: How much of it. Or more.}
  Answer: {Type: String, AllowedValues: ['yes', 'no'], Default: 'no'}
  Word: {Type: String, AllowedValues: ['OFF', 'OPTIONAL', 'ON'], Default: 'OFF'}
  Choice: {Type: String, AllowedValues: ['', a, b], ConstraintDescription: must be the name of a zone, Default: a}
  Short: {Type: String, MaxLength: 4, Default: ''}
  Text: {Type: String, Default: ''}
  Between: {Type: String, MinLength: 1, MaxLength: 4, Default: x}
  Pattern: {Type: String, AllowedPattern: '[a-z]*', Default: ''}
  Anchored: {Type: String, AllowedPattern: '^[a-z]{0,9}$', Default: ''}
  Bucket:
    Type: String
    AllowedPattern: '^[a-z]*$'
    MaxLength: 8
    ConstraintDescription: must be empty or the name of a bucket
    Default: ''
  Noted: {Type: String, AllowedPattern: '^[a-z]*$', ConstraintDescription: Letters only., Default: ''}
  Names: {Type: CommaDelimitedList, AllowedPattern: '^[a-z]*$', Default: ''}
  Plain: {Type: CommaDelimitedList, Default: ''}
  Numbers: {Type: List<Number>, Default: ''}
  Secret: {Type: Number, NoEcho: true, MinValue: 0, MaxValue: 9, Default: 0}
  SecretFlag: {Type: String, NoEcho: true, AllowedValues: ['true', 'false'], Default: 'false'}
Resources:
  Nothing: {Type: 'AWS::CloudFormation::WaitConditionHandle'}
"#;

struct Platform {
    client: Client,
    ids: Value,
}

impl Platform {
    fn new() -> Self {
        let catalog = catalog_of(TEMPLATE);
        let ids = ids_of(&catalog, "only");
        Self {
            client: Client::with_catalog(catalog),
            ids,
        }
    }

    fn with(&self, mut parameters: Value) -> Value {
        let given = parameters.as_object_mut().expect("parameters");
        given.entry("Anything").or_insert(json!(7));
        let mut members = self.ids.clone();
        members["parameters"] = parameters;
        members
    }

    async fn provision(&self, parameters: Value) -> Answer {
        self.client.provision(self.with(parameters)).await
    }

    fn recorded(&self) -> Value {
        json!(
            self.client
                .world
                .instance(INSTANCE)
                .expect("the record")
                .attributes
                .parameters
                .0
        )
    }

    fn schema(&self) -> Value {
        let catalog = body_of(&catalog_of(TEMPLATE));
        catalog["services"][0]["plans"][0]["schemas"]["service_instance"]["create"]["parameters"]["properties"].clone()
    }
}

#[tokio::test]
async fn schema_types_follow_template_parameters() {
    let schema = Platform::new().schema();
    for (name, kind, default) in [
        ("Flag", "boolean", json!(false)),
        ("Whole", "integer", json!(0)),
        ("Size", "integer", json!(1)),
        ("Number", "number", json!(0.4)),
        ("Anything", "number", Value::Null),
        ("Answer", "string", json!("no")),
        ("Names", "array", json!([])),
    ] {
        assert_eq!(
            (&schema[name]["type"], &schema[name]["default"]),
            (&json!(kind), &default),
            "{name}"
        );
    }
    assert_eq!(schema["Flag"].get("enum"), None);
    assert_eq!(schema["Names"]["items"]["not"], json!({"pattern": ","}));
}

#[tokio::test]
async fn pattern_is_anchored_once() {
    let schema = Platform::new().schema();
    assert_eq!(schema["Anchored"]["pattern"], "^[a-z]{0,9}$");
    assert_eq!(schema["Pattern"]["pattern"], "^(?:[a-z]*)$");
}

#[tokio::test]
async fn partly_anchored_alternation_is_anchored_as_a_whole() {
    let template = TEMPLATE.replace("'^[a-z]{0,9}$'", "'^a|b$'");
    let catalog = body_of(&catalog_of(&template));
    let plan = &catalog["services"][0]["plans"][0];
    let create = &plan["schemas"]["service_instance"]["create"]["parameters"];
    assert_eq!(create["properties"]["Anchored"]["pattern"], "^(?:^a|b$)$");
}

/// Command lines and Terraform send texts; YAML readers make booleans of words.
#[tokio::test]
async fn equivalent_value_forms_are_normalized() {
    for (given, recorded, in_stack) in [
        (json!({"Flag": "true"}), json!({"Flag": true}), "true"),
        (json!({"Flag": true}), json!({"Flag": true}), "true"),
        (json!({"Flag": "False"}), json!({"Flag": false}), "false"),
        (json!({"Whole": "60"}), json!({"Whole": 60}), "60"),
        (json!({"Whole": 60.0}), json!({"Whole": 60}), "60"),
        (json!({"Whole": "6e1"}), json!({"Whole": 60}), "60"),
        (json!({"Size": "3"}), json!({"Size": 3}), "3"),
        (json!({"Number": "0.5"}), json!({"Number": 0.5}), "0.5"),
        (json!({"Number": 1.0}), json!({"Number": 1}), "1"),
        (json!({"Answer": true}), json!({"Answer": "yes"}), "yes"),
        (json!({"Answer": "yes"}), json!({"Answer": "yes"}), "yes"),
        (json!({"Word": false}), json!({"Word": "OFF"}), "OFF"),
        (json!({"Word": true}), json!({"Word": "ON"}), "ON"),
        (
            json!({"Names": "a, b"}),
            json!({"Names": ["a", "b"]}),
            "a,b",
        ),
        (
            json!({"Names": ["a", " b"]}),
            json!({"Names": ["a", "b"]}),
            "a,b",
        ),
        (json!({"Names": ""}), json!({"Names": []}), ""),
        (json!({"Numbers": "1,2"}), json!({"Numbers": [1, 2]}), "1,2"),
        (
            json!({"Numbers": ["1", 2]}),
            json!({"Numbers": [1, 2]}),
            "1,2",
        ),
    ] {
        let platform = Platform::new();
        platform.provision(given.clone()).await.expect(202);
        let name = given
            .as_object()
            .expect("parameters")
            .keys()
            .next()
            .expect("a name")
            .clone();
        assert_eq!(platform.recorded()[&name], recorded[&name], "{given}");
        assert_eq!(
            platform.client.world.stack().parameters[&name],
            in_stack,
            "{given}"
        );
    }
}

#[tokio::test]
async fn equivalent_values_count_as_the_same_request() {
    let platform = Platform::new();
    platform
        .provision(json!({"Whole": "60", "Flag": "true", "Secret": "5", "SecretFlag": true}))
        .await
        .expect(202);
    platform
        .provision(json!({"Whole": 60, "Flag": true, "Secret": 5, "SecretFlag": "true"}))
        .await
        .expect(202);
    platform
        .provision(json!({"Whole": 61, "Flag": true, "Secret": 5, "SecretFlag": "true"}))
        .await
        .expect(409);
    platform
        .provision(json!({"Whole": 60, "Flag": true, "Secret": 6, "SecretFlag": "true"}))
        .await
        .expect(409);

    platform.client.world.complete_stacks();
    platform.client.last_operation().await.expect(200);
    let mut update = platform.ids.clone();
    update["parameters"] = json!({"Whole": "60", "Flag": "true"});
    platform.client.update(update).await.expect(200);
}

#[tokio::test]
async fn unnormalized_record_matches_equivalent_request() {
    let platform = Platform::new();
    platform
        .provision(json!({"Whole": 60, "Flag": true}))
        .await
        .expect(202);
    platform.client.world.edit(|account| {
        let instance = account.instances.values_mut().next().expect("the record");
        instance
            .attributes
            .parameters
            .0
            .insert("Flag".into(), json!("true"));
        instance
            .attributes
            .parameters
            .0
            .insert("Whole".into(), json!(60.0));
    });
    platform
        .provision(json!({"Whole": "60", "Flag": "true"}))
        .await
        .expect(202);
}

#[tokio::test]
async fn null_resets_a_parameter_in_an_update() {
    let platform = Platform::new();
    platform.provision(json!({"Whole": 60})).await.expect(202);
    platform.client.world.complete_stacks();
    platform.client.last_operation().await.expect(200);
    let mut update = platform.ids.clone();
    update["parameters"] = json!({"Whole": null});
    platform.client.update(update).await.expect(202);
    platform.client.world.complete_stacks();
    platform.client.last_operation().await.expect(200);
    assert_eq!(platform.recorded().get("Whole"), None);
}

const WHOLE: &str = "The parameter `Whole` must be a whole number from 0 to 900.";
const NUMBER: &str = "The parameter `Number` must be a number from 0 to 1.";
const FLAG: &str = "The parameter `Flag` must be true or false.";
const SIZE: &str = "The parameter `Size` must be one of `1`, `3` or `5`.";

#[tokio::test]
async fn parameter_errors_describe_the_template_constraint() {
    for (parameters, text) in [
        (json!({"Whole": 0.5}), WHOLE),
        (json!({"Whole": "0.5"}), WHOLE),
        (json!({"Whole": 901}), WHOLE),
        (json!({"Whole": "hunter2"}), WHOLE),
        (json!({"Whole": null}), WHOLE),
        (json!({"Whole": [1]}), WHOLE),
        (
            json!({"AtLeast": 0}),
            "The parameter `AtLeast` must be a whole number of at least 1.",
        ),
        (json!({"Size": 2}), SIZE),
        (json!({"Size": "hunter2"}), SIZE),
        (json!({"Number": 1.5}), NUMBER),
        (json!({"Number": {}}), NUMBER),
        (
            json!({"Anything": "hunter2"}),
            "The parameter `Anything` must be a number.",
        ),
        (json!({"Flag": "hunter2"}), FLAG),
        (json!({"Flag": 1}), FLAG),
        (
            json!({"Answer": "hunter2"}),
            "The parameter `Answer` must be one of `yes` or `no`.",
        ),
        (
            json!({"Word": 7}),
            "The parameter `Word` must be one of `OFF`, `OPTIONAL` or `ON`.",
        ),
        (
            json!({"Choice": "hunter2"}),
            "The parameter `Choice` must be one of an empty string, `a` or `b`; it must be the \
             name of a zone.",
        ),
        (
            json!({"Short": "hunter2"}),
            "The parameter `Short` must have at most 4 characters.",
        ),
        (
            json!({"Short": true}),
            "The parameter `Short` must be a string.",
        ),
        (
            json!({"Between": ""}),
            "The parameter `Between` must have 1 to 4 characters.",
        ),
        (
            json!({"Pattern": "hunter2"}),
            "The parameter `Pattern` must match the pattern `^(?:[a-z]*)$`.",
        ),
        (
            json!({"Anchored": "hunter2"}),
            "The parameter `Anchored` must match the pattern `^[a-z]{0,9}$`.",
        ),
        (
            json!({"Bucket": "HUNTER2"}),
            "The parameter `Bucket` must be empty or the name of a bucket.",
        ),
        (
            json!({"Bucket": "hunterrrr"}),
            "The parameter `Bucket` must have at most 8 characters; it must be empty or the name \
             of a bucket.",
        ),
        (
            json!({"Noted": "hunter2"}),
            "The parameter `Noted` is not valid: Letters only.",
        ),
        (json!({"Names": 7}), "The parameter `Names` must be a list."),
        (
            json!({"Names": ["hunter2"]}),
            "Each entry of the parameter `Names` must match the pattern `^[a-z]*$`.",
        ),
        (
            json!({"Names": [7]}),
            "Each entry of the parameter `Names` must be a string.",
        ),
        (
            json!({"Plain": ["a,hunter2"]}),
            "Each entry of the parameter `Plain` must not contain a comma.",
        ),
        (
            json!({"Numbers": ["hunter2"]}),
            "Each entry of the parameter `Numbers` must be a number.",
        ),
        (
            json!({"Secret": 10}),
            "The parameter `Secret` must be a whole number from 0 to 9.",
        ),
        (
            json!({"Short": "{{resolve:hunter2}}"}),
            "The parameter `Short` must have at most 4 characters. The parameter `Short` must not \
             contain a dynamic reference, which begins with {{resolve, or a part of one.",
        ),
        (
            json!({"Whole": -1, "Flag": 2}),
            "The parameter `Flag` must be true or false. \
             The parameter `Whole` must be a whole number from 0 to 900.",
        ),
    ] {
        let answer = Platform::new()
            .provision(parameters.clone())
            .await
            .expect(400);
        assert_eq!(sorted(answer.description()), sorted(text), "{parameters}");
    }
}

/// CloudFormation counts the bytes of a value, the schema the characters of a text.
#[tokio::test]
async fn value_is_limited_to_4096_bytes() {
    let list = |second: usize| json!({"Plain": ["a".repeat(2_000), "ü".repeat(second)]});
    for (parameters, refusal) in [
        (json!({"Text": "ü".repeat(2_048)}), None),
        (
            json!({"Text": "ü".repeat(2_049)}),
            Some("The parameter `Text` must have at most 4,096 bytes."),
        ),
        (
            json!({"Text": "u".repeat(4_097)}),
            Some("The parameter `Text` must have at most 4096 characters."),
        ),
        (list(1_047), None),
        (
            list(1_048),
            Some("The parameter `Plain` must have at most 4,096 bytes."),
        ),
    ] {
        let answer = Platform::new().provision(parameters).await;
        let Some(text) = refusal else {
            answer.expect(202);
            continue;
        };
        assert_eq!(answer.expect(400).description(), text);
    }
}

/// The sentences in an order that does not depend on the schema's.
fn sorted(text: &str) -> Vec<&str> {
    let mut sentences: Vec<_> = text
        .split(". ")
        .map(|sentence| sentence.trim_end_matches('.'))
        .collect();
    sentences.sort_unstable();
    sentences
}

#[tokio::test]
async fn unknown_and_missing_parameters_are_explained() {
    let platform = Platform::new();
    let told = |answer: Answer| answer.expect(400).description().to_owned();
    let near = told(platform.provision(json!({"Whol": 1})).await);
    assert!(
        near.starts_with(
            "Unknown parameter `Whol`; did you mean `Whole`? The plan accepts: `Flag`, "
        ),
        "{near}"
    );
    let far = told(platform.provision(json!({"Colour": 1})).await);
    assert!(
        far.starts_with("Unknown parameter `Colour`. The plan accepts: `Flag`, "),
        "{far}"
    );
    let fixed = told(platform.provision(json!({"Fixed": "y"})).await);
    assert!(
        fixed.starts_with("Unknown parameter `Fixed`: the plan sets it. The plan accepts: "),
        "{fixed}"
    );
    let mut members = platform.ids.clone();
    members["parameters"] = json!({});
    assert_eq!(
        told(platform.client.provision(members).await),
        "The parameter `Anything` is missing: How much of it."
    );
}

#[tokio::test]
async fn update_reports_the_same_parameter_errors() {
    let platform = Platform::new();
    platform.provision(json!({})).await.expect(202);
    platform.client.world.complete_stacks();
    platform.client.last_operation().await.expect(200);
    for (parameters, text) in [
        (json!({"Whole": 0.5}), WHOLE),
        (json!({"Flag": "hunter2"}), FLAG),
        (
            json!({"Word": "hunter2"}),
            "The parameter `Word` must be one of `OFF`, `OPTIONAL` or `ON`.",
        ),
        (
            json!({"Whol": 1}),
            "Unknown parameter `Whol`; did you mean `Whole`? An update of this plan accepts: \
             `Flag`, `Whole`, `Number`, `Word`, `Choice`, `Names`, `Numbers`.",
        ),
    ] {
        let mut update = platform.ids.clone();
        update["parameters"] = parameters.clone();
        let answer = platform.client.update(update).await.expect(400);
        assert_eq!(answer.description(), text, "{parameters}");
    }
}

#[tokio::test]
async fn bind_request_reports_parameter_errors() {
    let platform = Platform::new();
    platform.provision(json!({})).await.expect(202);
    platform.client.world.complete_stacks();
    platform.client.last_operation().await.expect(200);
    for (parameters, text) in [
        (
            json!({"Scope": "hunter2"}),
            "The parameter `Scope` must be `Use`.",
        ),
        (
            json!({"RoleName": "hunter 2"}),
            "The parameter `RoleName` must be the name of an IAM role, without its path.",
        ),
        (
            json!({"scop": "Use"}),
            "Unknown parameter `scop`; did you mean `Scope`? A binding accepts: `Scope`, \
             `RoleName`, `RoleArn`, `ServiceAccount`.",
        ),
    ] {
        let mut members = platform.ids.clone();
        members["parameters"] = parameters.clone();
        let answer = platform.client.bind("one", members).await.expect(400);
        assert_eq!(answer.description(), text, "{parameters}");
    }
}
