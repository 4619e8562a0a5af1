//! Tests of the template compiler: templates that it accepts, and the errors for others.

use catalog::{
    compiler::{Inspection, TemplateError, compile, inspect},
    model::Offering,
};
use serde_json::{Value, json};

const GOOD: &str = "\
Description: A queue.
Metadata:
  AWS::ServiceBroker::Specification:
    Version: 1.2.3
    Name: queue
    ServicePlans:
      small:
        Description: A small one.
        ParameterValues: {Size: 1}
        ParameterDefaults: {Color: red}
    UpdatableParameters: [Color]
    Bindings:
      DefaultScope: Read
      Credentials:
        URL: https://${Host}/
      Policies:
        Write: [{Effect: Allow, Action: 'x:Write', Resource: '${Arn}'}]
        Read: [{Effect: Allow, Action: 'x:Read', Resource: ['${Arn}', '${Arn}/*']}]
Parameters:
  Size: {Type: Number, MinValue: 1, MaxValue: 9}
  Color: {Type: String, AllowedValues: [red, blue], Default: blue}
Resources:
  Queue: {Type: 'AWS::SQS::Queue'}
Outputs:
  Host: {Value: !GetAtt Queue.Host}
  Arn: {Value: !GetAtt Queue.Arn}
";

#[test]
fn offering_survives_json_round_trip() {
    let json = serde_json::to_string(&good()).expect("JSON");
    let read: Offering = serde_json::from_str(&json).expect("an offering");
    assert_eq!(read, good());
}

fn good() -> Offering {
    compile("template.yaml", GOOD).expect("a template")
}

#[track_caller]
fn refused(from: &str, to: &str) -> TemplateError {
    assert!(GOOD.contains(from), "{from}");
    compile("folder/template.yaml", &GOOD.replacen(from, to, 1)).expect_err("a mistake")
}

#[test]
fn template_body_is_the_authors_text() {
    assert_eq!(good().template_body, GOOD);
}

#[test]
fn large_template_loses_comments_and_keeps_code() {
    let code = "  Code:\n    Value: |\n      # a comment of the code\n\n      last line\n";
    let comment = format!("  # {}\n", "x".repeat(1_000));
    let large = format!("{GOOD}{}{code}{}", comment.repeat(60), comment.repeat(60));
    let body = compile("template.yaml", &large)
        .expect("a template")
        .template_body;
    assert!(!body.contains("xxx") && body.contains(code), "{body}");
    assert!(body.len() < 1_000);
}

#[test]
fn stack_policy_protects_resources_with_data() {
    let queue = "  Queue: {Type: 'AWS::SQS::Queue'}\n";
    let policy = |attributes: &str| {
        let resource = format!("  Queue: {{Type: 'AWS::SQS::Queue', {attributes}}}\n");
        let template = GOOD.replace(queue, &resource);
        compile("template.yaml", &template)
            .expect("a template")
            .stack_policy
    };
    let everything =
        r#"{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"}]}"#;
    assert_eq!(good().stack_policy, everything);
    assert_eq!(policy("DeletionPolicy: Delete"), everything);
    let replaceable = "DeletionPolicy: Retain, UpdateReplacePolicy: Delete";
    assert_eq!(policy(replaceable), everything);

    for attributes in [
        "DeletionPolicy: Retain",
        "DeletionPolicy: !If [Retains, Retain, Delete]",
        "DeletionPolicy: Delete, UpdateReplacePolicy: Snapshot",
    ] {
        let policy = policy(attributes);
        let policy: Value = serde_json::from_str(&policy).expect("JSON");
        assert_eq!(
            policy["Statement"][1],
            json!({
                "Effect": "Deny", "Action": ["Update:Replace", "Update:Delete"], "Principal": "*",
                "Resource": ["LogicalResourceId/Queue"],
            }),
            "{attributes}"
        );
    }
}

#[test]
fn plan_fixes_parameters_and_sets_defaults() {
    let plan = &good().plans[0];
    let parameters: Vec<_> = plan
        .parameters
        .iter()
        .map(|given| (&*given.name, &*given.value))
        .collect();
    assert_eq!(parameters, [("Color", "red"), ("Size", "1")]);
    let schema: Value = serde_json::from_str(&plan.create_schema).expect("JSON");
    assert_eq!(
        schema["properties"],
        json!({"Color": {"type": "string", "default": "red", "enum": ["red", "blue"]}})
    );
    assert_eq!(schema["required"], Value::Null);
}

/// The longest expected creation and the polling duration of the plan, with these lines in the
/// service and in the plan.
fn durations(of_service: &str, of_plan: &str) -> Result<(u32, u32), TemplateError> {
    let template = GOOD
        .replace(
            "    Name: queue\n",
            &format!("    Name: queue\n{of_service}"),
        )
        .replace("      small:\n", &format!("      small:\n{of_plan}"));
    let offering = compile("template.yaml", &template)?;
    let plan = &offering.plans[0];
    Ok((plan.longest_creation, plan.maximum_polling_duration))
}

#[test]
fn plan_has_the_durations_of_the_template() {
    for (of_service, of_plan, expected) in [
        ("", "", (300, 7_200)),
        ("    LongestCreation: 60\n", "", (60, 7_200)),
        ("    LongestCreation: 3600\n", "", (3_600, 21_600)),
        ("    LongestCreation: 86400\n", "", (86_400, 86_400)),
        (
            "    LongestCreation: 60\n",
            "        LongestCreation: 1800\n",
            (1_800, 10_800),
        ),
        ("    MaximumPollingDuration: 86400\n", "", (300, 86_400)),
        (
            "    MaximumPollingDuration: 86400\n",
            "        MaximumPollingDuration: 300\n",
            (300, 300),
        ),
    ] {
        let durations = durations(of_service, of_plan).expect("a template");
        assert_eq!(durations, expected, "{of_service}{of_plan}");
    }
}

#[test]
fn impossible_durations_are_refused() {
    for (of_plan, reason) in [
        (
            "        LongestCreation: 0\n",
            "LongestCreation must be between 1 and 86400 seconds",
        ),
        (
            "        LongestCreation: 86401\n",
            "LongestCreation must be between 1 and 86400 seconds",
        ),
        (
            "        MaximumPollingDuration: 299\n",
            "MaximumPollingDuration must be between 300 and 86400 seconds",
        ),
    ] {
        let error = durations("", of_plan).expect_err(of_plan).to_string();
        assert!(
            error.contains(reason) && error.contains("template.yaml:8"),
            "{error}"
        );
    }
}

#[test]
fn parameter_without_default_is_required() {
    let template = GOOD.replace("ParameterValues: {Size: 1}", "Cost: none");
    let offering = compile("template.yaml", &template).expect("a template");
    let schema: Value = serde_json::from_str(&offering.plans[0].create_schema).expect("JSON");
    assert_eq!(schema["required"], json!(["Size"]));
}

#[test]
fn scopes_become_a_binding_parameter() {
    let schema: Value = serde_json::from_str(&good().bindings.create_schema).expect("JSON");
    assert_eq!(
        schema["properties"]["Scope"]["enum"],
        json!(["Write", "Read"])
    );
    assert_eq!(schema["properties"]["Scope"]["default"], "Read");
}

#[test]
fn errors_name_file_line_and_reason() {
    for (from, to, line, reason) in [
        (
            "Name: queue",
            "Name: my queue",
            5,
            "`my queue` is not a name",
        ),
        (
            "Description: A queue.",
            "Description: ''",
            1,
            "must not be empty",
        ),
        (
            "        Description: A small one.\n",
            "",
            8,
            "plan `small` has no Description",
        ),
        (
            "{Size: 1}",
            "{Sise: 1}",
            9,
            "no parameter `Sise`; did you mean `Size`?",
        ),
        (
            "{Size: 1}",
            "{Size: 10}",
            9,
            "`Size`: 10 is greater than the maximum of 9",
        ),
        (
            "{Color: red}",
            "{Color: green}",
            10,
            "`Color`: \"green\" is not one of",
        ),
        ("[Color]", "[Colour]", 11, "no parameter `Colour`"),
        (
            "DefaultScope: Read",
            "DefaultScope: Delete",
            13,
            "no scope `Delete`",
        ),
        (
            "https://${Host}/",
            "https://${Hots}/",
            15,
            "`${Hots}` is not an output",
        ),
        (
            "Resource: '${Arn}'",
            "Resource: '${ARN}'",
            17,
            "`${ARN}` is not an output",
        ),
        ("MinValue: 1", "MinValue: one", 20, "`one` is not a number"),
        ("Type: Number, ", "", 20, "Type"),
        (
            "Name: queue",
            "Nmae: queue",
            5,
            "`Nmae` is not a key of the specification; did you mean `Name`?",
        ),
        ("    Name: queue\n", "", 11, "missing field `Name`"),
        (
            "    UpdatableParameters",
            "    BindViaLambda: true\n    UpdatableParameters",
            4,
            "needs an output `BindLambda`",
        ),
        (
            "https://${Host}/",
            "https://${Host.name}/",
            15,
            "the output `Host` is not a secret, so it has no keys",
        ),
        (
            "Arn: {Value: !GetAtt Queue.Arn}",
            "Arn: {Value: !Sub 'ssm:${X}'}",
            17,
            "is a secret, which only Credentials may contain",
        ),
        ("Outputs:", "Outputs: [", 26, ""),
    ] {
        let error = refused(from, to);
        let text = error.to_string();
        assert!(
            text.starts_with("folder/template.yaml:") && text.contains(reason),
            "{from} → {to}: {text}"
        );
        assert_eq!(error.line, line, "{from} → {to}: {text}");
    }
}

#[test]
fn oversized_template_loses_metadata_or_is_refused() {
    let padding = |bytes: usize| format!("#{}\n", "x".repeat(bytes));
    let large = GOOD.replace(
        "Metadata:\n",
        &format!("Metadata:\n  # {}", padding(51_000)),
    );
    let offering = compile("template.yaml", &large).expect("a template");
    assert!(
        !offering.template_body.contains("Metadata")
            && offering.template_body.contains("Parameters:")
    );
    let too_large = GOOD.replace(
        "Resources:\n",
        &format!(
            "Resources:\n  Topic: {{Type: 'AWS::SNS::Topic', DisplayName: '{}'}}\n",
            "x".repeat(51_200)
        ),
    );
    let error = compile("template.yaml", &too_large)
        .expect_err("too large")
        .to_string();
    assert!(
        error.contains("51200") && error.contains("shorten descriptions"),
        "{error}"
    );
}

/// The format that the archived AWS Service Broker published: a version of the format, and
/// identities made by the stack.
const PUBLISHED: &str = "\
AWSTemplateFormatVersion: 2010-09-09
Description: A queue.
Metadata:
  AWS::ServiceBroker::Specification:
    Version: 1.0
    Tags: [AWS]
    Name: queue
    DisplayName: Queue
    LongDescription: A longer text
    ImageUrl: https://example.com/image.png
    DocumentationUrl: https://example.com/
    ProviderDisplayName: Amazon Web Services
    Bindings:
      IAM:
        AddKeypair: true
        Policies: [{PolicyDocument: {}}]
    ServicePlans:
      small:
        DisplayName: Small
        Description: A small one.
        LongDescription: A longer text
        Cost: https://example.com/cost
        ParameterValues: {Encrypted: 'true'}
        ParameterDefaults: {}
  AWS::CloudFormation::Interface:
    ParameterGroups: [{Label: {default: All}, Parameters: [Encrypted]}]
    ParameterLabels: {Encrypted: {default: Encrypted or not}}
Parameters:
  Encrypted: {Type: String, AllowedValues: ['true', 'false'], Default: 'false'}
  Subnets: {Type: 'List<AWS::EC2::Subnet::Id>', Default: 'subnet-1, subnet-2'}
Resources:
  Queue: {Type: 'AWS::SQS::Queue'}
Outputs:
  QueueURL: {Value: !Ref Queue}
  QueueARN: {Value: !Ref Queue}
  DBName2Path: {Value: x}
  userKey: {Value: x}
";

fn credential_keys(template: &str) -> Vec<String> {
    let offering = compile("template.yaml", template).expect("a template");
    offering
        .bindings
        .credentials
        .iter()
        .map(|credential| credential.key.to_string())
        .collect()
}

#[test]
fn published_format_exposes_outputs_as_credentials() {
    assert_eq!(
        credential_keys(PUBLISHED),
        ["QUEUE_URL", "QUEUE_ARN", "DB_NAME2_PATH", "USER_KEY"]
    );
    let offering = compile("template.yaml", PUBLISHED).expect("a template");
    assert_eq!(offering.version, None, "1.0 is the version of the format");
    let schema: Value = serde_json::from_str(&offering.plans[0].create_schema).expect("JSON");
    assert_eq!(
        schema["properties"]["Subnets"]["default"],
        json!(["subnet-1", "subnet-2"])
    );
}

#[test]
fn outputs_as_is_keeps_output_names() {
    for key in ["OutputsAsIs", "CloudFoundry"] {
        let template = PUBLISHED.replace(
            "    Name: queue",
            &format!("    {key}: true\n    Name: queue"),
        );
        assert_eq!(
            credential_keys(&template),
            ["QueueURL", "QueueARN", "DBName2Path", "userKey"]
        );
    }
}

#[test]
fn costs_must_follow_the_profile() {
    let with_costs = |costs: &str| {
        GOOD.replacen(
            "Description: A small one.",
            &format!("Description: A small one.\n        Costs: {costs}"),
            1,
        )
    };
    let offering = compile(
        "template.yaml",
        &with_costs("[{amount: {usd: 99}, unit: MONTHLY}]"),
    )
    .expect("a template");
    let metadata: Value = serde_json::from_str(&offering.plans[0].metadata).expect("JSON");
    assert_eq!(
        metadata["costs"],
        json!([{"amount": {"usd": 99.0}, "unit": "MONTHLY"}])
    );
    for wrong in [
        "[{unit: MONTHLY}]",
        "[{amount: {usd: 99}}]",
        "[{amount: {usd: much}, unit: MONTHLY}]",
        "99",
    ] {
        compile("template.yaml", &with_costs(wrong)).expect_err(wrong);
    }
}

#[test]
fn endpoints_need_a_host_and_valid_ports() {
    let with_endpoints = |endpoints: &str| {
        GOOD.replacen(
            "      DefaultScope: Read\n",
            &format!("      DefaultScope: Read\n      Endpoints: {endpoints}\n"),
            1,
        )
    };
    let good = "[{Host: '${Host}', Ports: [443, 9000-9010]}, {Host: a.example, Ports: ['${Arn}'], \
                Protocol: udp}]";
    let endpoints = compile("template.yaml", &with_endpoints(good))
        .expect("a template")
        .bindings
        .endpoints;
    assert_eq!(
        (&*endpoints[0].ports, &*endpoints[0].protocol),
        (&["443".into(), "9000-9010".into()][..], "tcp")
    );
    for wrong in [
        "[{Host: '${Nowhere}', Ports: [443]}]",
        "[{Host: a.example, Ports: []}]",
        "[{Host: a.example, Ports: [0]}]",
        "[{Host: a.example, Ports: [https]}]",
        "[{Host: a.example, Ports: [443], Protocol: tls}]",
        "[{Host: '', Ports: [443]}]",
        "[{Ports: [443]}]",
    ] {
        compile("template.yaml", &with_endpoints(wrong)).expect_err(wrong);
    }
}

#[test]
fn secret_parameter_default_is_not_in_the_catalog() {
    let secret = "Color: {Type: String, NoEcho: true, Default: hunter2}";
    let template = GOOD.replacen(
        "Color: {Type: String, AllowedValues: [red, blue], Default: blue}",
        secret,
        1,
    );
    let plan = &compile(
        "template.yaml",
        &template.replacen("ParameterDefaults: {Color: red}", "", 1),
    )
    .expect("a template")
    .plans[0];
    assert!(
        plan.create_schema.contains("\"Color\"") && !plan.create_schema.contains("hunter2"),
        "{}",
        plan.create_schema
    );
    assert!(
        !plan.create_schema.contains("required"),
        "{}",
        plan.create_schema
    );
}

/// [`GOOD`] with what it needs of the broker's own stack.
fn inspected(deploy: &str, boundary: &str) -> Result<Inspection, TemplateError> {
    let text = GOOD.replace(
        "    Bindings:\n",
        &format!("    DeployPolicy: [{deploy}]\n    Bindings:\n      Boundary: [{boundary}]\n"),
    );
    inspect("template.yaml", &text)
}

#[test]
fn deploy_and_boundary_permissions_are_read() {
    let deploy = "{Effect: Allow, Action: 'sqs:CreateQueue', Resource: \
                  'arn:${AWS::Partition}:sqs:*:*:${NamePrefix}-*'}";
    let boundary =
        "{Effect: Allow, Action: ['x:*'], Resource: ['*'], Condition: {Bool: {'a:b': 'true'}}}";
    let permissions = inspected(deploy, boundary).expect("a template").permissions;
    assert_eq!(permissions.deploy[0].actions, ["sqs:CreateQueue"]);
    assert_eq!(
        permissions.deploy[0].resources,
        ["arn:${AWS::Partition}:sqs:*:*:${NamePrefix}-*"]
    );
    assert_eq!(permissions.boundary[0].actions, ["x:*"]);
    assert_eq!(
        permissions.boundary[0].condition,
        Some(json!({"Bool": {"a:b": "true"}}))
    );
}

#[test]
fn boundary_must_allow_every_scope_action() {
    let reason = |boundary| inspected("", boundary).expect_err("a mistake").reason;
    let missing = reason("{Effect: Allow, Action: 'x:Wr*', Resource: '*'}");
    assert_eq!(
        missing,
        "Bindings.Boundary does not allow `x:Read` of the scope `Read`"
    );
    let missing = reason("{Effect: Allow, Action: 'x:Read', Resource: '*'}");
    assert_eq!(
        missing,
        "Bindings.Boundary does not allow `x:Write` of the scope `Write`"
    );
    inspected(
        "",
        "{Effect: Allow, Action: ['x:R*', 'x:Write'], Resource: '*'}",
    )
    .expect("a template");
}

#[test]
fn invalid_deploy_policies_are_refused() {
    let boundary = "{Effect: Allow, Action: 'x:*', Resource: '*'}";
    let deploy = "{Effect: Allow, Action: 'x:Create', Resource: '${Arn}'}";
    let error = inspected(deploy, boundary).expect_err("a mistake");
    assert!(
        error
            .reason
            .starts_with("`${Arn}` is not one of AWS::Partition"),
        "{error}"
    );
    for (deploy, reason) in [
        ("{Effect: Deny, Action: 'x:Create', Resource: '*'}", "Deny"),
        (
            "{Effect: Allow, NotAction: 'x:Create', Resource: '*'}",
            "NotAction",
        ),
        (
            "{Effect: Allow, Action: [], Resource: '*'}",
            "needs an Action and a Resource",
        ),
    ] {
        let error = inspected(deploy, boundary).expect_err(reason);
        assert!(error.reason.contains(reason), "{error}");
    }
}

#[test]
fn misspelt_key_error_suggests_the_right_one() {
    for (from, to, line, key, meant) in [
        (
            "    UpdatableParameters:",
            "    UpdateableParameters:",
            11,
            "UpdateableParameters",
            "UpdatableParameters",
        ),
        (
            "    ServicePlans:",
            "    ServicePlan:",
            6,
            "ServicePlan",
            "ServicePlans",
        ),
        (
            "DefaultScope: Read",
            "DefaultScop: Read",
            13,
            "DefaultScop",
            "DefaultScope",
        ),
        (
            "      Credentials:",
            "      Credential:",
            14,
            "Credential",
            "Credentials",
        ),
        (
            "ParameterValues: {Size: 1}",
            "ParameterValue: {Size: 1}",
            9,
            "ParameterValue",
            "ParameterValues",
        ),
        (
            "ParameterDefaults",
            "parameter_defaults",
            10,
            "parameter_defaults",
            "ParameterDefaults",
        ),
        ("MinValue: 1, ", "MinVlaue: 1, ", 20, "MinVlaue", "MinValue"),
        ("Outputs:", "Output:", 24, "Output", "Outputs"),
        (
            "AWS::ServiceBroker::Specification",
            "AWS::ServiceBroker::Specifikation",
            3,
            "",
            "AWS::ServiceBroker::Spec",
        ),
    ] {
        let error = refused(from, to);
        let reason = format!("`{key}");
        assert!(
            error.reason.starts_with(&reason)
                && error.reason.contains(&format!("did you mean `{meant}")),
            "{error}"
        );
        assert_eq!(error.line, line, "{error}");
    }
    let error = refused("    Version: 1.2.3", "    Colour: red");
    assert!(
        error
            .reason
            .starts_with("`Colour` is not a key of the specification, whose keys are: Version, "),
        "{error}"
    );
}

#[test]
fn misspelt_interface_keys_are_refused() {
    let with = |interface: &str| {
        let text = GOOD.replace(
            "Parameters:\n  Size",
            &format!("  AWS::CloudFormation::Interface:\n    {interface}\nParameters:\n  Size"),
        );
        compile("template.yaml", &text)
    };
    with("ParameterLabels: {Size: {default: The size}}").expect("a template");
    for (interface, meant) in [
        (
            "ParameterLabel: {Size: {default: The size}}",
            "did you mean `ParameterLabels`?",
        ),
        (
            "ParameterLabels: {Size: {defualt: The size}}",
            "did you mean `default`?",
        ),
        (
            "ParameterGroups: [{Labels: {default: All}, Parameters: [Size]}]",
            "did you mean `Label`?",
        ),
    ] {
        let error = with(interface).expect_err(interface);
        assert!(error.reason.contains(meant), "{error}");
    }
}

#[test]
fn unsupported_rules_are_refused_with_their_line() {
    let with = |assert: &str| {
        let rule =
            format!("Rules:\n  One:\n    Assertions:\n      - Assert: {assert}\nResources:\n");
        compile("template.yaml", &GOOD.replacen("Resources:\n", &rule, 1))
    };
    with("!Equals [!Ref Color, red]").expect("a template");
    for (assert, reason) in [
        (
            "!EachMemberIn [!RefAll 'AWS::EC2::VPC::Id', [a]]",
            "Fn::RefAll depends on values that only AWS knows",
        ),
        (
            "!Equals [!ValueOf [Color, Tags.x], a]",
            "Fn::ValueOf depends on values that only AWS knows",
        ),
        (
            "!EachMemberEquals [!ValueOfAll ['AWS::EC2::VPC::Id', Tags.x], a]",
            "Fn::ValueOfAll depends on values that only AWS",
        ),
        (
            "!Equals [!Ref Colour, red]",
            "the template has no parameter `Colour`",
        ),
        (
            "!Equals [!Sub '${Color}', red]",
            "`Sub` is not a rule function",
        ),
        ("!Equals [!Ref Color]", "Fn::Equals takes two values"),
        (
            "!And [!Equals [!Ref Color, red]]",
            "Fn::And takes two to ten conditions",
        ),
        ("'true'", "a condition of a rule must be a function"),
    ] {
        let error = with(assert).expect_err(assert);
        assert!(error.reason.starts_with(reason), "{assert}: {error}");
        assert_eq!(error.line, 25, "{assert}: {error}");
    }
}

#[test]
fn invalid_ascending_entries_are_refused() {
    let with = |entry: &str| {
        let text = GOOD.replacen(
            "    Bindings:\n",
            &format!("    Ascending: [{entry}]\n    Bindings:\n"),
            1,
        );
        compile(
            "template.yaml",
            &text.replacen(
                "  Color:",
                "  Other: {Type: Number, Default: 5}\n  Color:",
                1,
            ),
        )
    };
    with("{Parameters: [Size, Other], Without: 0, Description: Other must be more.}")
        .expect("a template");
    for (entry, reason) in [
        (
            "{Parameters: [Size, Other]}",
            "an entry of Ascending needs a Description",
        ),
        (
            "{Parameters: [Size], Description: x}",
            "an entry of Ascending needs two Parameters",
        ),
        (
            "{Parameters: [Size, Color], Description: x}",
            "an entry of Ascending must name parameters of the type Number",
        ),
        (
            "{Parameters: [Size, Others], Description: x}",
            "the template has no parameter `Others`",
        ),
        (
            "{Parameter: [Size, Other], Description: x}",
            "`Parameter` is not a key of an entry of Ascending",
        ),
    ] {
        let error = with(entry).expect_err(entry);
        assert!(error.reason.starts_with(reason), "{error}");
    }
}

#[test]
fn invalid_lists_entries_are_refused() {
    let with = |entry: &str| {
        let text = GOOD.replacen(
            "    Bindings:\n",
            &format!("    Lists: [{entry}]\n    Bindings:\n"),
            1,
        );
        compile("template.yaml", &text)
    };
    with("{Parameter: Color, MaxItems: 2, UniqueItems: true, Description: x}").expect("a template");
    for (entry, reason) in [
        (
            "{Parameter: Color, MaxItems: 2}",
            "an entry of Lists needs a Description",
        ),
        (
            "{MaxItems: 2, Description: x}",
            "an entry of Lists needs `Parameter`",
        ),
        (
            "{Parameter: Color, Description: x}",
            "an entry of Lists needs MaxItems or UniqueItems",
        ),
        (
            "{Parameter: Color, UniqueItems: false, Description: x}",
            "an entry of Lists needs MaxItems or UniqueItems",
        ),
        (
            "{Parameter: Color, MaxItems: two, Description: x}",
            "MaxItems of an entry of Lists must be a whole number",
        ),
        (
            "{Parameter: Colour, MaxItems: 2, Description: x}",
            "the template has no parameter `Colour`",
        ),
        (
            "{Parameter: Color, MaxItem: 2, Description: x}",
            "`MaxItem` is not a key of an entry of Lists",
        ),
    ] {
        let error = with(entry).expect_err(entry);
        assert!(error.reason.starts_with(reason), "{error}");
    }
}

#[test]
fn invalid_matching_entries_are_refused() {
    let with = |entry: &str| {
        let text = GOOD.replacen(
            "    Bindings:\n",
            &format!("    Matching: [{entry}]\n    Bindings:\n"),
            1,
        );
        compile("template.yaml", &text)
    };
    with("{When: {Size: ['1'], Color: ^r}, Parameter: Color, AllowedPattern: ^r, Description: x}")
        .expect("a template");
    for (entry, reason) in [
        (
            "{Parameter: Color, AllowedPattern: r}",
            "an entry of Matching needs a Description",
        ),
        (
            "{AllowedPattern: r, Description: x}",
            "an entry of Matching needs `Parameter`",
        ),
        (
            "{Parameter: Color, Description: x}",
            "an entry of Matching needs an AllowedPattern or a ForbiddenPattern",
        ),
        (
            "{Parameter: Colour, AllowedPattern: r, Description: x}",
            "the template has no parameter `Colour`",
        ),
        (
            "{When: {Sise: ['1']}, Parameter: Color, AllowedPattern: r, Description: x}",
            "the template has no parameter `Sise`",
        ),
        (
            "{Parameter: Color, AllowedPatern: r, Description: x}",
            "`AllowedPatern` is not a key of an entry of Matching",
        ),
        (
            "{Parameter: Color, AllowedPattern: '(r', Description: x}",
            "regex parse error",
        ),
        (
            "{Parameter: Color, ForbiddenPattern: '(?!r)', Description: x}",
            "regex parse error",
        ),
    ] {
        let error = with(entry).expect_err(entry);
        assert!(error.reason.starts_with(reason), "{error}");
    }
}

#[test]
fn invalid_subdomains_entries_are_refused() {
    let with = |entry: &str| {
        let text = GOOD.replacen(
            "    Bindings:\n",
            &format!("    Subdomains: [{entry}]\n    Bindings:\n"),
            1,
        );
        compile("template.yaml", &text)
    };
    with("{Parameter: Color, Of: [Size], Description: x}").expect("a template");
    for (entry, reason) in [
        (
            "{Parameter: Color, Of: [Size]}",
            "an entry of Subdomains needs a Description",
        ),
        (
            "{Of: [Size], Description: x}",
            "an entry of Subdomains needs `Parameter`",
        ),
        (
            "{Parameter: Color, Description: x}",
            "an entry of Subdomains needs Of",
        ),
        (
            "{Parameter: Color, Of: [Sise], Description: x}",
            "the template has no parameter `Sise`",
        ),
        (
            "{Parameter: Color, In: [Size], Description: x}",
            "`In` is not a key of an entry of Subdomains",
        ),
    ] {
        let error = with(entry).expect_err(entry);
        assert!(error.reason.starts_with(reason), "{error}");
    }
}

#[test]
fn invalid_senders_entries_are_refused() {
    let with = |entry: &str| {
        let text = GOOD.replacen(
            "    Bindings:\n",
            &format!("    Senders: [{entry}]\n    Bindings:\n"),
            1,
        );
        compile("template.yaml", &text)
    };
    with("{Parameter: Color, Of: Size, Description: x}").expect("a template");
    for (entry, reason) in [
        (
            "{Parameter: Color, Of: Size}",
            "an entry of Senders needs a Description",
        ),
        (
            "{Of: Size, Description: x}",
            "an entry of Senders needs `Parameter`",
        ),
        (
            "{Parameter: Color, Description: x}",
            "an entry of Senders needs `Of`",
        ),
        (
            "{Parameter: Color, Of: Sise, Description: x}",
            "the template has no parameter `Sise`",
        ),
        (
            "{Parameter: Color, By: Size, Description: x}",
            "`By` is not a key of an entry of Senders",
        ),
    ] {
        let error = with(entry).expect_err(entry);
        assert!(error.reason.starts_with(reason), "{error}");
    }
}

/// [`GOOD`] with a scope of `actions` about an output that a parameter of at most `length`
/// characters is.
fn with_policy(actions: usize, parameter: &str) -> Result<Offering, TemplateError> {
    let actions: Vec<_> = (0..actions)
        .map(|number| format!("'x:Action{number:04}'"))
        .collect();
    let write = format!(
        "Write: [{{Effect: Allow, Action: [{}], Resource: '${{Given}}'}}]",
        actions.join(", ")
    );
    let text = GOOD
        .replacen(
            "Write: [{Effect: Allow, Action: 'x:Write', Resource: '${Arn}'}]",
            &write,
            1,
        )
        .replacen(
            "  Color:",
            &format!(
                "  Given: {{Type: String, Default: '', {parameter}}}\n  \
                                        Color:"
            ),
            1,
        )
        .replacen(
            "Outputs:\n",
            "Conditions:\n  HasIt: !Not [!Equals [!Ref Given, \
                                 '']]\nOutputs:\n  Given: {Condition: HasIt, Value: !Ref Given}\n",
            1,
        );
    compile("template.yaml", &text)
}

#[test]
fn oversized_scope_policy_is_refused() {
    // Without the actions: version, statement, lifetime, and 100 characters of the output.
    let length = |actions: usize, given: usize| 209 + 15 * actions + given;
    with_policy(100, "MaxLength: 100").expect("a template");
    let error = with_policy(130, "MaxLength: 100").expect_err("too long");
    assert_eq!(error.line, 17, "{error}");
    assert_eq!(
        error.reason,
        format!(
            "the policy of the scope `Write` may have {} characters; IAM allows 2048 for a user",
            length(130, 100)
        ),
    );
    // What a pattern limits is limited; what nothing limits is not.
    with_policy(100, "AllowedPattern: '[a-z]{0,100}'").expect("a template");
    let error = with_policy(1, "AllowedPattern: '[a-z]*'").expect_err("too long");
    assert!(
        error
            .reason
            .contains(&format!("may have {} characters", length(1, 4_096))),
        "{error}"
    );
}

#[test]
fn kms_key_pattern_has_a_bounded_length() {
    let arn = "AllowedPattern: '^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)?$'";
    with_policy(110, arn).expect("a template");
}
