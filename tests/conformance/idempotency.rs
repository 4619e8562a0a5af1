//! Whatever comes again, and in whatever order, ends the same: the rows of the idempotency table,
//! sequences of requests against a model of it, requests that run at the same time, and requests of
//! no sense at all.

use std::{pin::Pin, task::Poll};

use aws_service_broker::broker::{
    records::{Instance, OperationKind, OperationState},
    stacks::StackStatus::{
        CreateComplete, CreateInProgress, DeleteFailed, DeleteInProgress, RollbackComplete,
        UpdateInProgress, UpdateRollbackComplete,
    },
};
use axum::{body::Body, http::Request};
use jiff::SignedDuration;
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

use crate::support::{Answer, Client, INSTANCE, basic, config, plan_id, service_id, user_of};

#[tokio::test]
async fn idm_01_02_03_resent_provision_follows_the_table() {
    let client = Client::new();
    let first = client.provision(json!({})).await.expect(202);
    assert_eq!(
        client.provision(json!({})).await.expect(202).body,
        first.body
    );
    client
        .provision(json!({"space_guid": "another"}))
        .await
        .expect(409);
    client.finish().await;
    client.provision(json!({})).await.expect(200);
    client
        .provision(json!({"space_guid": "another"}))
        .await
        .expect(409);
    client.deprovision().await.expect(202);
    assert_eq!(
        client.provision(json!({})).await.expect(422).body["error"],
        "ConcurrencyError"
    );
}

#[tokio::test]
async fn idm_04_05_resent_update_follows_the_table() {
    let client = Client::with_instance().await;
    let change = json!({"parameters": {"DelaySeconds": 3}});
    let first = client.update(change.clone()).await.expect(202);
    assert_eq!(
        client.update(change.clone()).await.expect(202).body,
        first.body
    );
    let other = client
        .update(json!({"parameters": {"DelaySeconds": 4}}))
        .await
        .expect(422);
    assert_eq!(other.body["error"], "ConcurrencyError");
    client.finish().await;
    client.update(change).await.expect(200);
}

#[tokio::test]
async fn idm_06_07_resent_bind_and_deletion_follow_the_table() {
    let client = Client::with_instance().await;
    let first = client.bind("one", json!({})).await.expect(201);
    assert_eq!(
        client.bind("one", json!({})).await.expect(200).body,
        first.body
    );
    client
        .bind("one", json!({"app_guid": "an-app"}))
        .await
        .expect(409);
    client.unbind("one").await.expect(200);
    client.unbind("one").await.expect(410);
    let first = client.deprovision().await.expect(202);
    assert_eq!(client.deprovision().await.expect(202).body, first.body);
    client.finish().await;
    client.deprovision().await.expect(410);
}

/// Something that a platform, or CloudFormation, does to the one instance.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// With one of two sets of attributes.
    Provision(u8),
    /// To one of two sets of parameters.
    Update(u8),
    Deprovision,
    Poll,
    /// Of one binding.
    Bind,
    /// Likewise.
    Unbind,
    /// CloudFormation ends what it does, well or not, and the platform sees it.
    Settle(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..2u8).prop_map(Step::Provision),
        4 => (0..2u8).prop_map(Step::Update),
        2 => Just(Step::Deprovision),
        2 => Just(Step::Poll),
        3 => any::<bool>().prop_map(Step::Settle),
    ]
}

/// The instance as the idempotency table knows it. Numbers are values of `DelaySeconds`, of which
/// 100 is none.
#[derive(Clone, Debug, PartialEq)]
enum Model {
    Missing,
    Creating {
        delay: u8,
        operation: Value,
    },
    NotCreated,
    There {
        delay: u8,
    },
    Updating {
        from: u8,
        to: u8,
        operation: Value,
    },
    Deleting {
        operation: Value,
    },
    NotDeleted,
    /// Its id can be used again after half a minute.
    Gone {
        is_free: bool,
    },
}

fn attributes(delay: u8) -> Value {
    json!({"parameters": {"DelaySeconds": delay}})
}

async fn send(client: &Client, step: Step) -> Answer {
    match step {
        Step::Provision(delay) => client.provision(attributes(delay)).await,
        Step::Update(delay) => client.update(attributes(delay)).await,
        Step::Deprovision => client.deprovision().await,
        Step::Poll => client.last_operation().await,
        Step::Bind => client.bind("one", json!({})).await,
        Step::Unbind => client.unbind("one").await,
        Step::Settle(well) => {
            settle(client, well);
            client.last_operation().await
        }
    }
}

fn settle(client: &Client, well: bool) {
    // Nobody is at work on anything any more.
    client.world.let_time_pass(SignedDuration::from_secs(30));
    let status = client
        .world
        .stack_names()
        .first()
        .map(|_| client.world.stack().status);
    match status {
        _ if well => client.world.complete_stacks(),
        Some(CreateInProgress) => client.world.settle_stacks(RollbackComplete, Some("no")),
        Some(UpdateInProgress) => client
            .world
            .settle_stacks(UpdateRollbackComplete, Some("no")),
        Some(DeleteInProgress) => client.world.settle_stacks(DeleteFailed, Some("no")),
        _ => {}
    }
}

/// What the table has for a step.
struct Row {
    status: u16,
    /// Where the answer is to have one that was named before.
    operation: Option<Value>,
    /// What becomes of the instance. The operation of one that begins is null: the answer names it.
    next: Model,
}

fn expected(model: &Model, step: Step) -> Row {
    let stay = |status| Row {
        status,
        operation: None,
        next: model.clone(),
    };
    let same = |operation: &Value| Row {
        operation: Some(operation.clone()),
        ..stay(202)
    };
    let begin = |next| Row {
        status: 202,
        operation: None,
        next,
    };
    let seen = |next| Row {
        status: 200,
        operation: None,
        next,
    };
    let operation = Value::Null;
    match (model.clone(), step) {
        (Model::Missing, Step::Provision(delay)) => begin(Model::Creating { delay, operation }),
        (Model::Creating { delay, operation }, Step::Provision(asked)) if asked == delay => {
            same(&operation)
        }
        (Model::There { delay } | Model::Updating { from: delay, .. }, Step::Provision(asked))
            if asked == delay =>
        {
            stay(200)
        }
        // Its id is free when nothing that was asked before can run any more.
        (Model::Deleting { .. } | Model::Gone { is_free: false }, Step::Provision(_)) => stay(422),
        (Model::Gone { is_free: true }, Step::Provision(delay)) => {
            begin(Model::Creating { delay, operation })
        }
        (_, Step::Provision(_)) => stay(409),

        (Model::There { delay }, Step::Update(asked)) if asked == delay => stay(200),
        (Model::There { delay: from }, Step::Update(to)) => begin(Model::Updating {
            from,
            to,
            operation,
        }),
        (Model::Updating { to, operation, .. }, Step::Update(asked)) if asked == to => {
            same(&operation)
        }
        (Model::Missing | Model::Gone { .. }, Step::Update(_)) => stay(404),
        (_, Step::Update(_)) => stay(422),

        (Model::Missing | Model::Gone { .. }, Step::Deprovision) => stay(410),
        (Model::Updating { .. }, Step::Deprovision) => stay(422),
        (Model::Deleting { operation }, Step::Deprovision) => same(&operation),
        (_, Step::Deprovision) => begin(Model::Deleting { operation }),

        (Model::Missing, Step::Poll | Step::Settle(_)) => stay(404),
        (Model::Creating { delay, .. }, Step::Settle(true)) => seen(Model::There { delay }),
        (Model::Creating { .. }, Step::Settle(false)) => seen(Model::NotCreated),
        (Model::Updating { to: delay, .. }, Step::Settle(true)) => seen(Model::There { delay }),
        (Model::Updating { from: delay, .. }, Step::Settle(false)) => seen(Model::There { delay }),
        (Model::Deleting { .. }, Step::Settle(true)) => seen(Model::Gone { is_free: false }),
        (Model::Gone { .. }, Step::Settle(_)) => seen(Model::Gone { is_free: true }),
        (Model::Deleting { .. }, Step::Settle(false)) => seen(Model::NotDeleted),
        (_, Step::Poll | Step::Settle(_)) => stay(200),
        (_, Step::Bind | Step::Unbind) => unreachable!("no sequence has it"),
    }
}

impl Model {
    /// The same, where the answer names the operation that has begun.
    fn named_by(mut self, answer: &Answer) -> Self {
        if let Self::Creating { operation, .. }
        | Self::Updating { operation, .. }
        | Self::Deleting { operation } = &mut self
            && operation.is_null()
        {
            *operation = answer.body["operation"].clone();
            assert!(operation.is_string(), "{answer:?}");
        }
        self
    }
}

/// Runs a test's future to its end.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(future)
}

#[test]
fn idm_01_02_03_04_05_07_any_sequence_follows_the_table() {
    proptest!(config(150, 17), |(steps in vec(step(), 1..25))| {
        block_on(async {
            let (client, mut model) = (Client::new(), Model::Missing);
            for step in steps {
                let row = expected(&model, step);
                let answer = send(&client, step).await;
                assert_eq!(answer.status, row.status, "{step:?} in {model:?}: {}", answer.body);
                if let Some(operation) = row.operation {
                    assert_eq!(answer.body["operation"], operation, "{step:?} in {model:?}");
                }
                model = row.next.named_by(&answer);
            }
        });
    });
}

/// Lets requests run at the same time. At each call of a port, `schedule` says whose turn it is.
async fn interleave(client: &Client, steps: &[Step], schedule: &[u8]) -> Vec<Answer> {
    type Running<'a> = Pin<Box<dyn Future<Output = Answer> + 'a>>;
    let mut running: Vec<Option<Running<'_>>> = steps
        .iter()
        .map(|step| Some(Box::pin(send(client, *step)) as Running<'_>))
        .collect();
    let mut answers: Vec<Option<Answer>> = steps.iter().map(|_| None).collect();
    let mut schedule = schedule.iter().cycle();
    std::future::poll_fn(|context| {
        loop {
            let waiting: Vec<_> = (0..running.len())
                .filter(|index| running[*index].is_some())
                .collect();
            let (Some(turn), false) = (schedule.next(), waiting.is_empty()) else {
                return Poll::Ready(());
            };
            let chosen = waiting[usize::from(*turn) % waiting.len()];
            let Some(request) = running[chosen].as_mut() else {
                unreachable!("it is waiting")
            };
            if let Poll::Ready(answer) = request.as_mut().poll(context) {
                (answers[chosen], running[chosen]) = (Some(answer), None);
            }
        }
    })
    .await;
    answers
        .into_iter()
        .map(|answer| answer.expect("an answer"))
        .collect()
}

/// Lets everything come to its end: the record as it is then.
async fn come_to_an_end(client: &Client) -> Option<Instance> {
    for _ in 0..10 {
        settle(client, true);
        client.last_operation().await;
    }
    let instance = client.world.instance(INSTANCE);
    assert!(
        instance
            .as_ref()
            .is_none_or(|instance| !instance.operation.in_progress()),
        "{instance:?}"
    );
    instance
}

#[test]
fn idm_01_04_07_concurrent_requests_end_consistently() {
    let concurrent = prop_oneof![
        3 => Just(Step::Provision(0)),
        1 => Just(Step::Provision(1)),
        1 => Just(Step::Update(0)),
        4 => Just(Step::Update(1)),
        2 => Just(Step::Deprovision),
        2 => Just(Step::Poll),
        2 => Just(Step::Bind),
        1 => Just(Step::Unbind),
    ];
    proptest!(config(300, 18), |(
        there in any::<bool>(),
        steps in vec(concurrent, 2..6),
        schedule in vec(any::<u8>(), 40),
    )| {
        block_on(async {
            let client = Client::new();
            if there {
                client.provision(attributes(0)).await.expect(202);
                settle(&client, true);
                client.last_operation().await.expect(200);
            }
            client.world.yield_at_calls(true);
            let answers = interleave(&client, &steps, &schedule).await;
            for (step, answer) in steps.iter().zip(&answers) {
                assert!(!answer.status.is_server_error(), "{step:?}: {answer:?}");
            }
            // One request, however often it comes, is one operation.
            for same in [Step::Provision(0), Step::Provision(1), Step::Deprovision] {
                let of_same = steps.iter().zip(&answers).filter(|(step, _)| format!("{step:?}") == format!("{same:?}"));
                let accepted = of_same.filter(|(_, answer)| answer.status == 202);
                let mut operations: Vec<_> = accepted.map(|(_, answer)| answer.body["operation"].to_string()).collect();
                operations.sort();
                operations.dedup();
                assert!(operations.len() <= 1, "{same:?}: {operations:?}");
            }
            check_end(&client).await;
        });
    });
}

/// What is in AWS is what the record says, and the requests that made it so are recognised.
async fn check_end(client: &Client) {
    let end = come_to_an_end(client).await;
    let recorded: Vec<_> = client
        .world
        .bindings()
        .into_iter()
        .filter_map(|binding| user_of(&binding).map(|user| user.user_name.clone()))
        .collect();
    for user in client.world.users().keys() {
        assert!(recorded.contains(user), "an orphan: {user}");
    }
    let Some(instance) = end else {
        assert!(client.world.stack_names().is_empty());
        return;
    };
    if instance.is_tombstone() {
        assert!(
            client.world.stack_names().is_empty(),
            "an orphan: {:?}",
            client.world.stack_names()
        );
        assert!(client.world.users().is_empty() && client.world.bindings().is_empty());
        client.deprovision().await.expect(410);
        client.world.let_time_pass(SignedDuration::from_secs(30));
        client.world.yield_at_calls(false);
        client.provision(attributes(0)).await.expect(202);
        return;
    }
    assert_eq!(instance.operation.state, OperationState::Succeeded);
    assert!(matches!(
        instance.operation.kind,
        OperationKind::Provision | OperationKind::Update
    ));
    let stack = client.world.stack();
    assert!(
        stack.status == CreateComplete || stack.token == instance.operation.id,
        "{:?} {}",
        stack.status,
        stack.token
    );
    let delay = instance.attributes.parameters.0["DelaySeconds"].clone();
    assert_eq!(stack.parameters["DelaySeconds"], delay.to_string());
    client
        .provision(json!({"parameters": {"DelaySeconds": delay}}))
        .await
        .expect(200);
    client
        .update(json!({"parameters": {"DelaySeconds": delay}}))
        .await
        .expect(200);
}

/// JSON that no API asked for.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("")),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((".{0,8}", inner), 0..6).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

/// A body in which some of what the API asks for is right, and some is not.
fn any_body() -> impl Strategy<Value = Value> {
    let fields = [
        ("service_id", json!(service_id("sqs"))),
        ("plan_id", json!(plan_id("sqs", "standard"))),
        ("organization_guid", json!("o")),
        ("space_guid", json!("s")),
        ("context", json!({"platform": "x"})),
        ("parameters", json!({"DelaySeconds": 1})),
        ("maintenance_info", json!({"version": "1.1.0"})),
        ("previous_values", json!({})),
        ("predecessor_binding_id", json!("b")),
        ("bind_resource", json!({"app_guid": "a"})),
        ("app_guid", json!("a")),
    ];
    let field = |(name, good): (&'static str, Value)| {
        prop_oneof![
            4 => Just(Some((name, good))),
            4 => Just(None),
            1 => any_json().prop_map(move |bad| Some((name, bad))),
        ]
    };
    let fields: Vec<_> = fields.into_iter().map(field).collect();
    let parameters = vec(
        (
            prop_oneof![
                Just("DelaySeconds".to_owned()),
                ".{0,8}".prop_map(String::from)
            ],
            any_json(),
        ),
        0..3,
    );
    (fields, proptest::option::weighted(0.3, parameters)).prop_map(|(fields, parameters)| {
        let mut body: Value = fields
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        if let Some(parameters) = parameters {
            body["parameters"] = parameters.into_iter().collect();
        }
        body
    })
}

#[test]
fn gen_10_20_no_request_causes_a_server_error() {
    let method = prop_oneof![
        Just("PUT"),
        Just("PATCH"),
        Just("GET"),
        Just("DELETE"),
        Just("POST"),
        Just("HEAD"),
        Just("OPTIONS"),
    ];
    let id = prop_oneof![
        2 => Just(INSTANCE.to_owned()),
        1 => "[a-zA-Z0-9._~%!$&'()*+,;=:@-]{0,12}".prop_map(String::from),
    ];
    let path = (
        id,
        proptest::option::of(prop_oneof![
            Just("b".to_owned()),
            "[a-z%0-9]{0,6}".prop_map(String::from)
        ]),
    );
    let query = "(accepts_incomplete=(true|false|x)&)?(service_id=[a-z]{0,2}&)?(plan_id=[a-z]{0,2}&)?(operation=.{0,4})?";
    let body = prop_oneof![
        6 => any_body().prop_map(|body| body.to_string().into_bytes()),
        1 => any_json().prop_map(|body| body.to_string().into_bytes()),
        1 => vec(any::<u8>(), 0..64),
    ];
    let header = vec(
        (
            prop_oneof![
                Just("x-broker-api-originating-identity"),
                Just("x-broker-api-request-identity"),
                Just("content-type"),
                Just("if-none-match"),
                Just("x-broker-api-version"),
                Just("authorization"),
            ],
            vec(any::<u8>(), 0..16),
        ),
        0..2,
    );
    proptest!(config(600, 19), |(
        method in method, (id, binding) in path, last_operation in any::<bool>(), query in query, body in body,
        headers in header,
    )| {
        let mut uri = format!("/v2/service_instances/{id}");
        if let Some(binding) = binding {
            uri.push_str(&format!("/service_bindings/{binding}"));
        }
        if last_operation {
            uri.push_str("/last_operation");
        }
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{uri}?{query}"))
            .header("authorization", basic("broker", "local-only-password"))
            .header("x-broker-api-version", "2.17");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        // What is not HTTP never reaches the broker.
        let Ok(request) = request.body(Body::from(body)) else { return Ok(()) };
        block_on(async {
            let client = Client::with_instance().await;
            client.bind("b", json!({})).await.expect(201);
            if method == "HEAD" {
                return;
            }
            let answer = client.send(request).await;
            assert!(!answer.status.is_server_error(), "{answer:?}");
        });
    });
}
