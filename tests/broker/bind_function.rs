//! `BindViaLambda`: a function of the stack makes the credentials.

use aws_service_broker::broker::ports::PortErrorKind::{Throttled, Unavailable, Unexpected};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{Client, FakeFunction, Fault, INSTANCE, catalog_of, ids_of, password_of};

/// The published format.
const TEMPLATE: &str = "\
Description: A database.
Metadata:
  AWS::ServiceBroker::Specification:
    Version: 1.0
    Name: database
    BindViaLambda: true
    ServicePlans:
      only: {Description: The only plan.}
Resources:
  Function: {Type: 'AWS::Lambda::Function'}
Outputs:
  BindLambda: {Value: !Ref Function}
  SecretText: {Value: !Sub 'ssm:/osb/text'}
";
const FUNCTION: &str = "osb-database-function";

async fn client() -> (Client, Value) {
    let catalog = catalog_of(TEMPLATE);
    let ids = ids_of(&catalog, "only");
    let client = Client::with_catalog(catalog);
    client.provision(ids.clone()).await.expect(202);
    client.world.edit(|account| {
        account
            .parameters
            .insert("/osb/text".into(), "this-is-secret".into());
        account
            .functions
            .insert(FUNCTION.into(), FakeFunction::default());
    });
    client.world.set_output("BindLambda", FUNCTION);
    client.world.set_output("SecretText", "ssm:/osb/text");
    client.finish().await;
    (client, ids)
}

fn edit(client: &Client, edit: impl FnOnce(&mut FakeFunction)) {
    client
        .world
        .edit(|account| edit(account.functions.get_mut(FUNCTION).expect("the function")));
}

fn invocations(client: &Client) -> Vec<Value> {
    client.world.account().functions[FUNCTION]
        .invocations
        .clone()
}

fn invocation(request_type: &str) -> Value {
    json!({
        "BIND_LAMBDA": FUNCTION,
        "SECRET_TEXT": "this-is-secret",
        "RequestType": request_type,
        "INSTANCE_ID": INSTANCE,
        "BINDING_ID": "one",
    })
}

#[tokio::test]
async fn bind_function_follows_published_contract() {
    let (client, ids) = client().await;
    let bound = client.bind("one", ids.clone()).await.expect(201);
    let expected = json!({"username": "user-one", "password": password_of("one")});
    assert_eq!(bound.body["credentials"], expected);
    assert_eq!(invocations(&client), [invocation("bind")]);

    // What it has answered once is the answer, and it is stored sealed.
    assert_eq!(
        client.fetch_binding("one").await.expect(200).body["credentials"],
        expected
    );
    assert_eq!(
        client.bind("one", ids).await.expect(200).body["credentials"],
        expected
    );
    assert_eq!(invocations(&client).len(), 1);
    let stored = serde_json::to_string(&client.world.bindings()).expect("JSON");
    assert!(
        !stored.contains(&password_of("one")) && stored.contains(FUNCTION),
        "{stored}"
    );

    client.unbind("one").await.expect(200);
    assert_eq!(
        invocations(&client),
        [invocation("bind"), invocation("unbind")]
    );
    client.unbind("one").await.expect(410);
    assert_eq!(invocations(&client).len(), 2);
}

#[tokio::test]
async fn function_failure_is_reported_without_secrets() {
    let (client, ids) = client().await;
    edit(&client, |function| {
        function.failure = Some("Exception: no such database: this-is-secret".into())
    });
    let failed = client.bind("one", ids.clone()).await.expect(500);
    assert_eq!(
        failed.description(),
        "The service's own function for bindings failed. Exception: no such database: \
         (credential)"
    );
    client.world.let_time_pass(SignedDuration::from_secs(30));
    edit(&client, |function| function.failure = None);
    client.bind("one", ids).await.expect(201);

    // Unbinding is not done before the function has done it.
    edit(&client, |function| {
        function.failure = Some("Exception: busy".into())
    });
    client.unbind("one").await.expect(500);
    assert_eq!(client.world.bindings().len(), 1);
    edit(&client, |function| function.failure = None);
    client.unbind("one").await.expect(200);
    assert!(client.world.bindings().is_empty());
}

#[tokio::test]
async fn invalid_or_oversized_function_result_fails_binding() {
    let (client, ids) = client().await;
    for (id, answer, reason) in [
        ("one", "[]".to_owned(), "not a JSON object"),
        ("two", "null".to_owned(), "not a JSON object"),
        (
            "three",
            json!({"certificate": "x".repeat(4_096)}).to_string(),
            "has 4114 bytes; at most 4096",
        ),
    ] {
        edit(&client, |function| function.answer = Some(answer));
        let failed = client.bind(id, ids.clone()).await.expect(500);
        assert!(
            failed.description().contains(reason),
            "{}",
            failed.description()
        );
    }
    client.world.let_time_pass(SignedDuration::from_secs(30));
    for id in ["one", "two", "three"] {
        client.unbind(id).await.expect(200);
    }
    edit(&client, |function| {
        function.answer = Some(json!({"certificate": "x".repeat(4_078)}).to_string())
    });
    client.bind("longest", ids).await.expect(201);
}

#[tokio::test]
async fn resent_request_resumes_interrupted_binding() {
    for call in ["functions.invoke", "vault.seal", "records.update_binding"] {
        for fault in [Fault::Before(Unavailable), Fault::After(Unavailable)] {
            let (client, ids) = client().await;
            client.world.inject(call, fault);
            client.bind("one", ids.clone()).await.expect(503);
            client.world.let_time_pass(SignedDuration::from_secs(30));
            let bound = client.bind("one", ids.clone()).await;
            assert!(
                matches!(bound.status.as_u16(), 200 | 201),
                "{call}: {bound:?}"
            );
            assert_eq!(bound.body["credentials"]["password"], password_of("one"));
            client.unbind("one").await.expect(200);
            assert_eq!(invocations(&client).last(), Some(&invocation("unbind")));
        }
    }
}

#[tokio::test]
async fn throttled_function_is_retried_by_polls() {
    let (client, ids) = client().await;
    client
        .world
        .inject("functions.invoke", Fault::Before(Throttled));
    client.bind_async("one", ids).await.expect(202);
    client.world.let_time_pass(SignedDuration::from_secs(30));
    assert_eq!(
        client.binding_last_operation("one").await.expect(200).body["state"],
        "succeeded"
    );
    let fetched = client.fetch_binding("one").await.expect(200);
    assert_eq!(fetched.body["credentials"]["password"], password_of("one"));
    client
        .world
        .inject("functions.invoke", Fault::Before(Throttled));
    client.unbind_async("one").await.expect(202);
    client.world.let_time_pass(SignedDuration::from_secs(30));
    assert_eq!(
        client.binding_last_operation("one").await.expect(200).body["state"],
        "succeeded"
    );
    assert_eq!(invocations(&client).last(), Some(&invocation("unbind")));
}

#[tokio::test]
async fn broken_or_missing_function_does_not_block_deletion() {
    let (client, ids) = client().await;
    client.bind("one", ids.clone()).await.expect(201);
    client.bind("two", ids.clone()).await.expect(201);
    edit(&client, |function| {
        function.failure = Some("Exception: broken".into())
    });
    client.deprovision().await.expect(202);
    client.finish().await;
    assert!(client.world.bindings().is_empty() && client.world.stack_names().is_empty());

    let (client, ids) = self::client().await;
    client.bind("one", ids.clone()).await.expect(201);
    client.world.edit(|account| account.functions.clear());
    client.bind("two", ids).await.expect(500);
    client.unbind("one").await.expect(200);
}

/// Its function may run in the network of the stack that is being deleted.
#[tokio::test(start_paused = true)]
async fn hanging_function_does_not_block_instance_deletion() {
    let (client, ids) = client().await;
    client.bind("one", ids).await.expect(201);
    client.world.inject("functions.invoke", Fault::Hang);
    client.deprovision().await.expect(202);
    assert_eq!(client.world.bindings().len(), 1);

    for minutes in [2, 3] {
        client
            .world
            .let_time_pass(SignedDuration::from_mins(minutes));
        client.world.inject("functions.invoke", Fault::Hang);
        assert_eq!(
            client.last_operation().await.expect(200).body["state"],
            "in progress"
        );
        assert_eq!(client.world.bindings().len(), 1, "it may still be told");
    }

    client.world.let_time_pass(SignedDuration::from_secs(1));
    client.world.inject("functions.invoke", Fault::Hang);
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "in progress"
    );
    assert!(client.world.bindings().is_empty());
    client.world.complete_stacks();
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
}

#[tokio::test(start_paused = true)]
async fn unbinding_with_hanging_function_ends_as_failed() {
    let (client, ids) = client().await;
    client.bind("one", ids).await.expect(201);
    client.world.inject("functions.invoke", Fault::Hang);
    client.unbind_async("one").await.expect(202);

    for minute in 0..=5 {
        let polled = client.binding_last_operation("one").await.expect(200);
        assert_eq!(polled.body["state"], "in progress", "minute {minute}");
        client.world.let_time_pass(SignedDuration::from_mins(1));
        client.world.inject("functions.invoke", Fault::Hang);
    }
    let ended = client.binding_last_operation("one").await.expect(200);
    assert_eq!(ended.body["state"], "failed");
    assert!(
        ended.description().contains("It did not respond in time"),
        "{}",
        ended.description()
    );
    client.unbind("one").await.expect(200);
}

#[tokio::test]
async fn unbinding_waits_for_a_throttled_secret() {
    let (client, ids) = client().await;
    client.bind("one", ids).await.expect(201);
    client
        .world
        .inject("secrets.parameter", Fault::Before(Throttled));
    client.unbind("one").await.expect(503);
    assert_eq!(invocations(&client).len(), 1);

    client.unbind("one").await.expect(200);
    assert_eq!(invocations(&client).last(), Some(&invocation("unbind")));
}

#[tokio::test]
async fn function_is_notified_without_an_unreadable_secret() {
    for is_lost in [false, true] {
        let (client, ids) = client().await;
        client.bind("one", ids).await.expect(201);
        if is_lost {
            client.world.edit(|account| account.parameters.clear());
        } else {
            client
                .world
                .inject("secrets.parameter", Fault::Before(Unexpected));
        }

        client.unbind("one").await.expect(200);
        let told = json!({"RequestType": "unbind", "INSTANCE_ID": INSTANCE, "BINDING_ID": "one"});
        assert_eq!(invocations(&client).last(), Some(&told));
    }
}
