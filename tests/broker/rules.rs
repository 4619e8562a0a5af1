//! The template's rules, evaluated before anything is begun.

use serde_json::{Value, json};

use crate::support::{Client, INSTANCE, catalog, catalog_of, ids_of, plan_id, service_id};

fn template(rule: &str) -> String {
    format!(
        "\
Description: Rules.
Metadata:
  AWS::ServiceBroker::Specification:
    Name: rules
    PlanUpdateable: true
    UpdatableParameters: [A, B, List, Secret]
    ServicePlans:
      free: {{Description: Nothing is decided.}}
      fixed: {{Description: A is decided., ParameterValues: {{A: x}}}}
Parameters:
  A: {{Type: String, Default: a}}
  B: {{Type: String, Default: b}}
  List: {{Type: CommaDelimitedList, Default: 'a,b'}}
  Secret: {{Type: String, NoEcho: true, Default: ''}}
Rules:
  One:
{rule}
Resources:
  Nothing: {{Type: 'AWS::CloudFormation::WaitConditionHandle'}}
"
    )
}

/// Whether an instance with these parameters is refused by a rule with this assertion.
async fn is_refused(assert: &str, parameters: Value) -> bool {
    let rule = format!("    Assertions: [{{Assert: {assert}, AssertDescription: Not so.}}]");
    let catalog = catalog_of(&template(&rule));
    let mut members = ids_of(&catalog, "free");
    members["parameters"] = parameters;
    let client = Client::with_catalog(catalog);
    let answer = client.provision(members).await;
    if answer.status == 202 {
        return false;
    }
    assert_eq!(answer.expect(400).description(), "Not so.");
    assert_eq!(client.world.instance(INSTANCE), None);
    assert!(client.world.stack_names().is_empty());
    true
}

#[tokio::test]
async fn rule_functions_match_cloudformation() {
    for (assert, parameters, refused) in [
        ("!Equals [!Ref A, a]", json!({}), false),
        ("!Equals [!Ref A, a]", json!({"A": "x"}), true),
        (
            "'Fn::Equals': [{Ref: A}, {Ref: B}]",
            json!({"A": "b"}),
            false,
        ),
        ("!Not [!Equals [!Ref A, a]]", json!({}), true),
        (
            "!And [!Equals [!Ref A, a], !Equals [!Ref B, b]]",
            json!({"B": "x"}),
            true,
        ),
        (
            "!And [!Equals [!Ref A, a], !Equals [!Ref B, b]]",
            json!({}),
            false,
        ),
        (
            "!Or [!Equals [!Ref A, x], !Equals [!Ref B, x]]",
            json!({}),
            true,
        ),
        (
            "!Or [!Equals [!Ref A, x], !Equals [!Ref B, x]]",
            json!({"B": "x"}),
            false,
        ),
        ("!Contains [[a, c], !Ref A]", json!({}), false),
        ("!Contains [[a, c], !Ref A]", json!({"A": "b"}), true),
        ("!Contains [!Ref List, c]", json!({"List": "a,c"}), false),
        (
            "!EachMemberEquals [!Ref List, a]",
            json!({"List": ["a", "a"]}),
            false,
        ),
        ("!EachMemberEquals [!Ref List, a]", json!({}), true),
        (
            "!EachMemberIn [!Ref List, [a, b, c]]",
            json!({"List": "c,a"}),
            false,
        ),
        (
            "!EachMemberIn [!Ref List, [a, b, c]]",
            json!({"List": "c,d"}),
            true,
        ),
        // A secret of the request is known.
        ("!Equals [!Ref Secret, s]", json!({"Secret": "t"}), true),
        // Where the stack will be is CloudFormation's to say.
        ("!Equals [!Ref 'AWS::Region', nowhere]", json!({}), false),
        (
            "!Or [!Equals [!Ref 'AWS::Region', nowhere], !Equals [!Ref A, a]]",
            json!({}),
            false,
        ),
    ] {
        let assert = if assert.starts_with('\'') {
            format!("{{{assert}}}")
        } else {
            assert.to_owned()
        };
        assert_eq!(
            is_refused(&assert, parameters.clone()).await,
            refused,
            "{assert} with {parameters}"
        );
    }
}

#[tokio::test]
async fn rules_apply_to_creation_update_and_plan_change() {
    let rule = "    RuleCondition: !Equals [!Ref A, x]
    Assertions: [{Assert: !Equals [!Ref B, y], AssertDescription: A x needs B y.}]";
    let catalog = catalog_of(&template(rule));
    let (free, fixed) = (ids_of(&catalog, "free"), ids_of(&catalog, "fixed"));
    let with = |ids: &Value, parameters: Value| {
        let mut members = ids.clone();
        members["parameters"] = parameters;
        members
    };
    let client = Client::with_catalog(catalog);
    let refused = client
        .provision(with(&free, json!({"A": "x"})))
        .await
        .expect(400);
    assert_eq!(refused.description(), "A x needs B y.");
    client.provision(with(&fixed, json!({}))).await.expect(400);
    client.provision(with(&free, json!({}))).await.expect(202);
    client.world.complete_stacks();
    client.last_operation().await.expect(200);

    let before = client.world.instance(INSTANCE);
    let refused = client
        .update(with(&free, json!({"A": "x"})))
        .await
        .expect(400);
    assert_eq!(refused.description(), "A x needs B y.");
    let refused = client.update(with(&fixed, json!({}))).await;
    assert!(
        refused.description().ends_with("A x needs B y."),
        "{refused:?}"
    );
    assert!(refused.status.is_client_error());
    assert_eq!(client.world.instance(INSTANCE), before);
    client
        .update(with(&free, json!({"A": "x", "B": "y"})))
        .await
        .expect(202);
}

#[tokio::test]
async fn rule_about_unknown_secret_is_left_to_cloudformation() {
    let rule = "    Assertions: [{Assert: !Not [!Equals [!Ref Secret, '']], AssertDescription: \
                Give a Secret.}]";
    let catalog = catalog_of(&template(rule));
    let ids = ids_of(&catalog, "free");
    let with = |parameters: Value| {
        let mut members = ids.clone();
        members["parameters"] = parameters;
        members
    };
    let client = Client::with_catalog(catalog);
    client.provision(with(json!({}))).await.expect(400);
    client
        .provision(with(json!({"Secret": "s"})))
        .await
        .expect(202);
    client.world.complete_stacks();
    client.last_operation().await.expect(200);
    client.update(with(json!({"A": "x"}))).await.expect(202);
}

#[tokio::test]
async fn objects_must_not_expire_before_transition() {
    for (transition, expiration, refused) in [
        (0, 1, false),
        (30, 0, false),
        (30, 31, false),
        (30, 30, true),
        (45, 9, true),
    ] {
        let client = Client::with_catalog(catalog());
        let parameters = json!({"TransitionDays": transition, "ExpirationDays": expiration});
        let members = json!({
            "service_id": service_id("s3"), "plan_id": plan_id("s3", "custom"), "parameters": parameters,
        });
        let answer = client.provision(members).await;
        if refused {
            let description = answer.expect(400).description().to_owned();
            assert!(
                description.starts_with("ExpirationDays must be greater than TransitionDays"),
                "{description}"
            );
        } else {
            answer.expect(202);
        }
    }
}

#[tokio::test]
async fn subscription_without_endpoint_is_refused() {
    let client = Client::with_catalog(catalog());
    let members = json!({
        "service_id": service_id("sns"), "plan_id": plan_id("sns", "topicwithsub"),
        "parameters": {"Protocol": "sqs", "Endpoint": ""},
    });
    let answer = client.provision(members).await.expect(400);
    assert!(
        answer.description().contains("requires an Endpoint"),
        "{}",
        answer.description()
    );
    assert_eq!(client.world.instance(INSTANCE), None);
}

#[tokio::test]
async fn endpoint_must_match_its_protocol() {
    let queue = "arn:aws:sqs:us-east-1:000000000000:orders";
    for (protocol, endpoint, refused) in [
        ("sqs", queue, None),
        ("sqs", "foo", Some("`Endpoint` must be the ARN of a queue")),
        (
            "sqs",
            "https://shop.example/",
            Some("With Protocol sqs, Endpoint must be the ARN of a queue."),
        ),
        (
            "https",
            queue,
            Some("With Protocol https, Endpoint must be a URL"),
        ),
        ("email", "+14155550100", Some("must be an email address")),
        ("sms", "a@shop.example", Some("must be a phone number")),
        ("lambda", queue, Some("must be the ARN of a function")),
        (
            "application",
            "arn:aws:sns:us-east-1:000000000000:endpoint/GCM/app/1",
            Some("`Protocol` must be one of"),
        ),
    ] {
        let client = Client::new();
        let request = json!({
            "service_id": service_id("sns"),
            "plan_id": plan_id("sns", "topicwithsub"),
            "parameters": {"Protocol": protocol, "Endpoint": endpoint},
        });
        let Some(reason) = refused else {
            client.provision(request).await.expect(202);
            continue;
        };
        let answer = client.provision(request).await.expect(400);
        assert!(
            answer.description().contains(reason),
            "{protocol} {endpoint}: {}",
            answer.description()
        );
        assert!(client.world.instance(INSTANCE).is_none());
    }
}

/// Refuses a creation with these parameters, in these words, or accepts it.
async fn assert_outcome(service: &str, plan: &str, parameters: Value, refusal: Option<&str>) {
    let client = Client::new();
    let request = json!({"service_id": service_id(service), "plan_id": plan_id(service, plan), "parameters": parameters});
    let answer = client.provision(request).await;
    let Some(reason) = refusal else {
        assert_eq!(
            answer.status,
            202,
            "{service} {parameters}: {}",
            answer.description()
        );
        return;
    };
    assert_eq!(answer.status, 400, "{service} {parameters}");
    assert!(
        answer.description().contains(reason),
        "{service} {parameters}: {}",
        answer.description()
    );
    assert!(client.world.instance(INSTANCE).is_none());
}

#[tokio::test]
async fn fifo_queue_subscribes_only_to_fifo_topic() {
    let (queue, fifo) = (
        "arn:aws:sqs:us-east-1:000000000000:q",
        "arn:aws:sqs:us-east-1:000000000000:q.fifo",
    );
    let only_fifo = Some("Only a FIFO topic delivers to FIFO queues");
    for (topic, protocol, endpoint, refusal) in [
        ("t", "sqs", queue, None),
        ("t", "sqs", fifo, only_fifo),
        ("fifo", "sqs", fifo, only_fifo),
        ("t.fifo", "sqs", fifo, None),
        ("t.fifo", "sqs", queue, None),
        (
            "t.fifo",
            "email",
            "a@shop.example",
            Some("FIFO topics deliver only to queues"),
        ),
    ] {
        let topic = format!("arn:aws:sns:us-east-1:000000000000:{topic}");
        let parameters = json!({"TopicArn": topic, "Protocol": protocol, "Endpoint": endpoint});
        assert_outcome("sns", "subscription", parameters, refusal).await;
    }
    let parameters = json!({"Protocol": "sqs", "Endpoint": fifo});
    assert_outcome(
        "sns",
        "topicwithsub",
        parameters,
        Some("do not deliver to FIFO queues"),
    )
    .await;
}

#[tokio::test]
async fn dead_letter_queue_must_match_its_subscription() {
    let (queue, fifo) = (
        "arn:aws:sqs:us-east-1:000000000000:q",
        "arn:aws:sqs:us-east-1:000000000000:q.fifo",
    );
    let standard =
        Some("must not be the ARN of a FIFO queue, because the topic is a standard topic");
    for (topic, endpoint, dead_letters, refusal) in [
        ("t", queue, queue, None),
        ("t", queue, fifo, standard),
        ("t.fifo", queue, queue, None),
        ("t.fifo", fifo, fifo, None),
        ("t.fifo", fifo, "", None),
        (
            "t.fifo",
            fifo,
            queue,
            Some("must be the ARN of a FIFO queue, because Endpoint is a FIFO queue"),
        ),
    ] {
        let topic = format!("arn:aws:sns:us-east-1:000000000000:{topic}");
        let parameters = json!({
            "TopicArn": topic, "Protocol": "sqs", "Endpoint": endpoint, "DeadLetterQueueArn": dead_letters,
        });
        assert_outcome("sns", "subscription", parameters, refusal).await;
    }
    for (dead_letters, refusal) in [(queue, None), (fifo, standard)] {
        let parameters =
            json!({"Protocol": "sqs", "Endpoint": queue, "DeadLetterQueueArn": dead_letters});
        assert_outcome("sns", "topicwithsub", parameters, refusal).await;
    }
}

#[tokio::test]
async fn publishing_source_must_match_its_service() {
    let alarm = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:orders-*";
    let (bucket, mail) = (
        "arn:aws:s3:::orders",
        "arn:aws:ses:us-east-1:000000000000:configuration-set/orders",
    );
    let missing = Some("PublishingService requires a PublishingSourceArn");
    for (publishing, source, refusal) in [
        ("cloudwatch", alarm, None),
        (
            "cloudwatch",
            bucket,
            Some("PublishingSourceArn must be the ARN of an alarm"),
        ),
        ("s3", bucket, None),
        (
            "s3",
            mail,
            Some("PublishingSourceArn must be the ARN of a bucket"),
        ),
        ("ses", mail, None),
        (
            "ses",
            alarm,
            Some("must be the ARN of a configuration set or an identity"),
        ),
        ("ses", "", missing),
        ("none", "", None),
    ] {
        let key = "arn:aws:kms:us-east-1:000000000000:key/k";
        let parameters = json!({"KmsKeyArn": key, "PublishingService": publishing, "PublishingSourceArn": source});
        assert_outcome("sns", "topic", parameters, refusal).await;
    }
}

#[tokio::test]
async fn subscribable_endpoints_are_unique_and_need_the_flag() {
    let flag = Some("SubscribableEndpoints requires AllowSubscriptions to be true.");
    for (allowed, endpoints, refusal) in [
        ("true", "*@shop.example,+14155550100", None),
        ("true", "", None),
        (
            "true",
            "+14155550100,+14155550100",
            Some("without duplicates"),
        ),
        ("false", "", None),
        ("false", "*@shop.example", flag),
    ] {
        let parameters = json!({"AllowSubscriptions": allowed, "SubscribableEndpoints": endpoints});
        assert_outcome("sns", "topic", parameters, refusal).await;
    }
}

#[tokio::test]
async fn key_service_principals_need_source_arns() {
    let topics = "arn:aws:sns:us-east-1:000000000000:orders-*";
    let missing = Some("ServicePrincipals requires ServiceSourceArns");
    for (services, sources, refusal) in [
        ("sns.amazonaws.com", topics, None),
        ("sns.amazonaws.com", "", missing),
        ("", "", None),
    ] {
        let parameters = json!({"ServicePrincipals": services, "ServiceSourceArns": sources});
        assert_outcome("kms", "default", parameters, refusal).await;
    }
}

#[tokio::test]
async fn record_values_must_match_the_record_type() {
    let text = |characters: usize| format!("\"{}\"", "x".repeat(characters));
    let escapes = |characters: usize| format!("\"{}\"", "\\344".repeat(characters));
    for (record_type, values, accepted) in [
        ("A", "192.0.2.1", true),
        ("A", "192.0.2.1, 192.0.2.2", true),
        ("A", "www.example.com", false),
        ("A", "192.0.2.1,", false),
        ("A", "192.0.2.255, 255.0.0.1", true),
        ("A", "192.0.2.256", false),
        ("A", "192.0.2.1,300.0.2.1", false),
        ("AAAA", "2001:db8::1,::1", true),
        ("AAAA", "::ffff:192.0.2.1", true),
        ("AAAA", "192.0.2.1", false),
        ("AAAA", "::", true),
        ("AAAA", "2001:DB8:0:0:0:0:0:1", true),
        ("AAAA", ":::::", false),
        ("AAAA", "2001:db8::1::2", false),
        ("AAAA", "2001:db8::1,1:2:3:4:5:6:7", false),
        ("AAAA", "1:2:3:4:5:6:7:8:9", false),
        ("CNAME", "www.example.com.", true),
        ("CNAME", "www.example.com,example.com", false),
        ("PTR", "a.example.com,b.example.com", true),
        ("PTR", "a b", false),
        ("MX", "10 mail.example.com,20 other.example.com", true),
        ("MX", "mail.example.com", false),
        ("MX", "65535 mail.example.com", true),
        ("MX", "10 mail.example.com,65536 other.example.com", false),
        ("SRV", "10 5 443 www.example.com", true),
        ("SRV", "443 www.example.com", false),
        ("SRV", "10 5 65536 www.example.com", false),
        ("TXT", r#""v=spf1 -all""#, true),
        ("TXT", r#""one" "two","three""#, true),
        ("TXT", "v=spf1 -all", false),
        ("TXT", r#""with \"quotes\"""#, true),
        ("TXT", &*format!("{} {}", text(255), text(255)), true),
        ("TXT", &*text(256), false),
        ("TXT", &*escapes(255), true),
        ("TXT", &*escapes(256), false),
        ("CAA", r#"0 issue "ca.example.com""#, true),
        ("CAA", "ca.example.com", false),
        ("CAA", r#"255 issue ";""#, true),
        ("CAA", r#"256 issue ";""#, false),
    ] {
        let parameters = json!({
            "HostedZoneId": "Z0123456789ABCDEFGHIJ", "RecordName": "www.example.com",
            "RecordType": record_type, "RecordValues": values,
        });
        let refusal = format!("With RecordType {record_type}, RecordValues must be ");
        assert_outcome(
            "route53",
            "recordset",
            parameters,
            (!accepted).then_some(&*refusal),
        )
        .await;
    }
}

#[tokio::test]
async fn record_values_must_be_distinct() {
    let differ = Some("RecordValues must not contain duplicates.");
    for (record_type, values, refusal) in [
        ("A", "192.0.2.1,192.0.2.11", None),
        ("A", "192.0.2.1,192.0.2.2, 192.0.2.1", differ),
        ("TXT", r#""one","One""#, None),
        ("TXT", r#""one","one""#, differ),
    ] {
        let parameters = json!({
            "HostedZoneId": "Z0123456789ABCDEFGHIJ", "RecordName": "www.example.com",
            "RecordType": record_type, "RecordValues": values,
        });
        assert_outcome("route53", "recordset", parameters, refusal).await;
    }
}

#[tokio::test]
async fn mail_from_domain_must_be_a_subdomain_of_the_sender() {
    let subdomain = Some("MailFromDomain must be a subdomain of the sender's domain");
    for (identity, sender, mail_from, refusal) in [
        ("Domain", "example.com", "", None),
        ("Domain", "example.com", "bounces.example.com", None),
        ("Domain", "example.com", "example.com", subdomain),
        ("Domain", "example.com", "notexample.com", subdomain),
        (
            "Domain",
            "mail.example.com",
            "bounces.example.com",
            subdomain,
        ),
        (
            "EmailAddress",
            "shop@Example.com",
            "bounces.example.com",
            None,
        ),
        (
            "EmailAddress",
            "shop@example.com",
            "bounces.example.org",
            subdomain,
        ),
    ] {
        let plan = if identity == "Domain" {
            "identity"
        } else {
            "address"
        };
        let parameters = json!({identity: sender, "MailFromDomain": mail_from});
        assert_outcome("ses", plan, parameters, refusal).await;
    }
}

#[tokio::test]
async fn cost_tracking_needs_complete_model_ids() {
    let complete = Some("must be a complete ID without *");
    let of_model = Some("must be the ID of a model without a geography");
    let of_profile = Some("must start with a geography");
    for (tracking, id, refusal) in [
        ("none", "amazon.nova-*", None),
        ("none", "us.amazon.nova-lite-v1:0", None),
        ("foundation-model", "amazon.nova-lite-v1:0", None),
        ("foundation-model", "amazon.nova-*", complete),
        ("foundation-model", "us.amazon.nova-lite-v1:0", of_model),
        (
            "foundation-model",
            "us-gov.anthropic.claude-3-haiku-20240307-v1:0",
            of_model,
        ),
        (
            "foundation-model",
            "global.amazon.nova-2-lite-v1:0",
            of_model,
        ),
        ("inference-profile", "us.amazon.nova-lite-v1:0", None),
        ("inference-profile", "apac.amazon.nova-lite-v1:0", None),
        ("inference-profile", "us.amazon.*", complete),
        ("inference-profile", "amazon.nova-lite-v1:0", of_profile),
    ] {
        // The default of ModelId is a profile.
        let first = if tracking == "foundation-model" {
            "amazon.nova-micro-v1:0"
        } else {
            "us.amazon.nova-micro-v1:0"
        };
        for parameter in ["ModelId", "ModelId2", "ModelId3"] {
            let mut parameters = json!({"CostTracking": tracking, "ModelId": first});
            parameters[parameter] = json!(id);
            assert_outcome("bedrock", "models", parameters, refusal).await;
        }
    }
}

#[tokio::test]
async fn bot_locale_must_be_supported_by_lex() {
    let unknown = Some("The parameter `LocaleId` must be one of `af_ZA`, ");
    for (locale, refusal) in [
        ("en_US", None),
        ("de_AT", None),
        ("es_419", None),
        ("no_NO", None),
        ("de_BE", unknown),
        ("en-US", unknown),
    ] {
        assert_outcome("lex", "default", json!({"LocaleId": locale}), refusal).await;
    }
}

#[tokio::test]
async fn workflow_is_limited_to_twenty_arns_per_service() {
    for (parameter, arn) in [
        (
            "LambdaFunctionArns",
            "arn:aws:lambda:us-east-1:000000000000:function:f",
        ),
        ("SqsQueueArns", "arn:aws:sqs:us-east-1:000000000000:q"),
        ("SnsTopicArns", "arn:aws:sns:us-east-1:000000000000:t"),
    ] {
        let arns = |count: usize| json!({parameter: (0..count).map(|n| format!("{arn}{n}")).collect::<Vec<_>>()});
        let refusal = format!("{parameter} must have at most 20 entries.");
        assert_outcome("stepfunctions", "standard", arns(20), None).await;
        assert_outcome("stepfunctions", "standard", arns(21), Some(&*refusal)).await;
    }
}

/// Its role may, as Step Functions needs it to, and the definition acts with that role.
#[tokio::test]
async fn workflow_definition_cannot_call_logs_or_xray() {
    for (resource, is_refused) in [
        (
            "arn:aws:states:::aws-sdk:cloudwatchlogs:describeLogGroups",
            true,
        ),
        (
            "arn:aws:states:::AWS-SDK:CloudWatchLogs:describeLogGroups",
            true,
        ),
        ("arn:aws:states:::aws-sdk:xray:putTraceSegments", true),
        (
            r"arn:aws:states:::aws-sdk:cl\u006fudwatchlogs:describeLogGroups",
            true,
        ),
        (
            r"arn:aws:states:::aws\u002dsdk:cloudwatchlogs:describeLogGroups",
            true,
        ),
        (
            r"arn:aws:states:::aws-sdk\u003Acloudwatchlogs:describeLogGroups",
            true,
        ),
        ("arn:aws:states:::aws-sdk:sqs:sendMessage", false),
        (
            r"arn:aws:states:::sqs:sendMessage?caf\u00e9\u0026\u003c",
            false,
        ),
    ] {
        for part in [
            "Definition",
            "DefinitionPart2",
            "DefinitionPart3",
            "DefinitionPart4",
        ] {
            let refusal = format!("{part} must not call CloudWatch Logs or X-Ray");
            let parameters = json!({part: format!(r#"{{"Resource": "{resource}"}}"#)});
            assert_outcome(
                "stepfunctions",
                "standard",
                parameters,
                is_refused.then_some(&*refusal),
            )
            .await;
        }
    }
}

#[tokio::test]
async fn workflow_definition_is_limited_to_4096_bytes() {
    let definition =
        |characters: usize| json!({"Definition": format!("{{{}}}", "ü".repeat(characters))});
    assert_outcome("stepfunctions", "standard", definition(2_047), None).await;
    let refusal = Some("The parameter `Definition` must have at most 4,096 bytes.");
    assert_outcome("stepfunctions", "standard", definition(2_048), refusal).await;
}

#[tokio::test]
async fn invalid_cognito_login_settings_are_refused() {
    let https = Some("must use https, except for http://localhost");
    for (callback, refusal) in [
        ("https://shop.example/callback", None),
        ("http://localhost", None),
        (
            "http://localhost:3000/callback,com.example.app://callback",
            None,
        ),
        ("http://shop.example", https),
        ("http://local.example", https),
        ("http://local", https),
        ("http://localhos", https),
        ("http://local,https://shop.example", https),
        ("http://localhost.example", https),
        ("https://shop.example,http://shop.example", https),
    ] {
        let parameters = json!({"DomainPrefix": "shop", "CallbackUrls": callback});
        assert_outcome("cognito", "custom", parameters, refusal).await;
        let parameters = json!({"DomainPrefix": "shop", "CallbackUrls": "https://shop.example", "LogoutUrls": callback});
        assert_outcome("cognito", "custom", parameters, refusal).await;
    }
    let words = Some("DomainPrefix must not contain the words");
    for (prefix, refusal) in [
        ("shop", None),
        ("my-aws-shop", words),
        ("amazon", words),
        ("xcognito", words),
    ] {
        assert_outcome(
            "cognito",
            "custom",
            json!({"DomainPrefix": prefix}),
            refusal,
        )
        .await;
    }
    let from = Some("EmailFrom is required");
    let (form, address) = (
        Some("a name without @"),
        Some("must be an address of the identity"),
    );
    for (identity, sender, refusal) in [
        ("shop.example", "", from),
        ("shop.example", "a@shop.example", None),
        ("shop.example", "The Shop <a@Shop.example>", None),
        ("shop.example", "a@mail.shop.example", None),
        ("a@shop.example", "", None),
        ("a@shop.example", "A <A@shop.example>", None),
        ("a@shop.example", "b@shop.example", address),
        ("shop.example", "a@myshop.example", address),
        ("shop.example", "a@example", address),
        ("mail.shop.example", "a@shop.example", address),
        ("shop.example", "ceo@bank.example <a@shop.example>", form),
        ("shop.example", "a@shop.example <ceo@bank.example>", form),
        (
            "shop.example",
            "CEO <a@bank.example> <a@shop.example>",
            form,
        ),
    ] {
        let identity = format!("arn:aws:ses:us-east-1:000000000000:identity/{identity}");
        let parameters = json!({"EmailIdentityArn": identity, "EmailFrom": sender});
        assert_outcome("cognito", "custom", parameters, refusal).await;
    }
}
