use aws_service_broker::broker::ports::PortErrorKind::Unavailable;
use serde_json::json;

use crate::support::{Client, Fault, Log, catalog_of, ids_of};

#[tokio::test]
async fn invalid_fields_are_named_without_their_values() {
    let client = Client::new();
    for (members, expected) in [
        (
            json!({"parameters": "hunter2"}),
            "The body is not valid: `parameters` must be a JSON object.",
        ),
        (
            json!({"plan_id": null}),
            "The body is not valid: missing field `plan_id`.",
        ),
        (
            json!({"space_guid": ""}),
            "The body is not valid: `space_guid` must not be empty.",
        ),
        (
            json!({"maintenance_info": {"version": ["hunter2"]}}),
            "The body is not valid: `maintenance_info.version` must be a string.",
        ),
    ] {
        assert_eq!(
            client.provision(members).await.expect(400).description(),
            expected
        );
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_get_json_errors() {
    let client = Client::new();
    client.request("GET", "/", None).await.expect(404);
    client
        .request("GET", "/v2/service_instances/", None)
        .await
        .expect(404);
    client
        .request("POST", "/v2/catalog", None)
        .await
        .expect(405);
}

#[tokio::test]
async fn panic_is_answered_with_500_and_logged() {
    let log = Log::watch();
    let client = Client::with_instance().await;
    client.world.inject("records.instance", Fault::Panic);
    let answer = client.fetch_instance().await.expect(500);
    assert!(
        !answer.description().contains("injected"),
        "{}",
        answer.description()
    );
    assert!(log.text().contains("panic: injected into records.instance"));
    client.fetch_instance().await.expect(200);
}

#[tokio::test]
async fn aws_error_details_are_hidden_from_users() {
    let client = Client::with_instance().await;
    client
        .world
        .inject("records.instance", Fault::Before(Unavailable));
    let answer = client.fetch_instance().await.expect(503);
    assert_eq!(
        answer.description(),
        "AWS twin is not available at the moment. Retry the request."
    );
}

/// CloudFormation would put the secret there, wherever the parameter is used, and whoever's it is.
#[tokio::test]
async fn dynamic_references_in_parameters_are_refused() {
    let template = "\
Description: A parameter of every kind.
Metadata:
  AWS::ServiceBroker::Specification:
    Name: any
    ServicePlans: {plan: {Description: A plan.}}
    UpdatableParameters: [Text]
Parameters:
  Text: {Type: String, Default: a}
  Texts: {Type: CommaDelimitedList, Default: a}
Resources:
  Topic: {Type: 'AWS::SNS::Topic'}
";
    let catalog = catalog_of(template);
    let ids = ids_of(&catalog, "plan");
    let client = Client::with_catalog(catalog);
    let request = |parameters: &serde_json::Value| {
        let mut body = ids.clone();
        body["organization_guid"] = json!("o");
        body["space_guid"] = json!("s");
        body["parameters"] = parameters.clone();
        body
    };
    let path = "/v2/service_instances/an-instance?accepts_incomplete=true";
    for parameters in [
        json!({"Text": "{{resolve:secretsmanager:osb-secretsmanager-1}}"}),
        json!({"Text": "a {{x}} b {{ resolve:ssm-secure:hunter2:1}}"}),
        json!({"Text": "{{{resolve:ssm:hunter2}}"}),
        json!({"Text": "{{{{{ resolve:ssm:hunter2}}"}),
        json!({"Texts": ["a", "b{{resolve:ssm:hunter2}}"]}),
        // A template may put two values together.
        json!({"Text": "a {{"}),
        json!({"Text": "a {{ res"}),
        json!({"Text": " {resolve:ssm:hunter2}}"}),
        json!({"Text": "{"}),
    ] {
        let answer = client
            .request("PUT", path, Some(request(&parameters)))
            .await
            .expect(400);
        assert!(
            answer.description().contains("{{resolve") && !answer.description().contains("hunter2")
        );
    }
    // XML cannot hold them, so that nobody could read the stack any more.
    for parameters in [
        json!({"Text": "a\u{0}"}),
        json!({"Text": "\u{1b}[1m"}),
        json!({"Texts": ["a", "\u{FFFE}"]}),
    ] {
        let answer = client
            .request("PUT", path, Some(request(&parameters)))
            .await
            .expect(400);
        assert!(
            answer
                .description()
                .contains("must not contain control characters"),
            "{}",
            answer.description()
        );
    }
    assert!(client.world.stack_names().is_empty());

    client
        .request(
            "PUT",
            path,
            Some(request(
                &json!({"Text": "\t\r\n\u{1F600} {{harmless}} resolve:"}),
            )),
        )
        .await
        .expect(202);
    client.world.complete_stacks();
    client
        .request(
            "GET",
            "/v2/service_instances/an-instance/last_operation",
            None,
        )
        .await
        .expect(200);
    let change =
        json!({"service_id": ids["service_id"], "parameters": {"Text": "{{resolve:ssm:a}}"}});
    client
        .request("PATCH", path, Some(change))
        .await
        .expect(400);
}
