//! The same request many times at one moment, and requests that contradict each other, with real
//! calls: conditional writes, request tokens and unique names decide. `RACES` says how often; each
//! time is another instance.

use std::{env, sync::Arc, time::Duration};

use aws_service_broker::{
    app,
    aws::System,
    broker::{
        Broker,
        authentication::Authenticator,
        ports::Environment,
        records::{BindingId, InstanceId},
    },
    http::{MissingVersion, router},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    aws::{Calls, settings},
    contract::unique,
    support::{Answer, Client, World, plan_id, service_id},
};

/// How many requests there are at one moment.
const PARALLEL: usize = 64;

fn rounds() -> usize {
    env::var("RACES")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(5)
}

/// A clock that is ahead: nobody has to wait until what was begun can no longer be running.
struct Ahead(SignedDuration);

impl Environment for Ahead {
    fn now(&self) -> Timestamp {
        System.now() + self.0
    }

    fn uuid(&self) -> Uuid {
        System.uuid()
    }
}

/// The platform's view of one instance, now and half a minute later.
struct Race {
    now: Client,
    later: Client,
    broker: Broker,
    path: String,
}

impl Race {
    async fn new() -> Self {
        let broker = app::broker(&settings(), &Calls::default().config().await);
        let later = Broker {
            environment: Arc::new(Ahead(SignedDuration::from_secs(31))),
            ..broker.clone()
        };
        let client = |broker: &Broker| {
            let world = Arc::new(World::new());
            let authenticator = Authenticator::new(world.clone(), world);
            Client::of(
                router(broker.clone(), authenticator, MissingVersion::default()),
                "broker",
                "local-only-password",
            )
        };
        Self {
            now: client(&broker),
            later: client(&later),
            broker,
            path: format!("/v2/service_instances/{}", unique()),
        }
    }

    fn provision(&self) -> Request {
        let mut body = ids();
        body["organization_guid"] = "an-organization".into();
        body["space_guid"] = "a-space".into();
        Request::new(
            "PUT",
            format!("{}?accepts_incomplete=true", self.path),
            Some(body),
        )
    }

    fn deprovision(&self) -> Request {
        Request::new("DELETE", format!("{}?{}", self.path, deletion()), None)
    }

    fn bind(&self) -> Request {
        Request::new(
            "PUT",
            format!("{}/service_bindings/one?accepts_incomplete=true", self.path),
            Some(ids()),
        )
    }

    fn unbind(&self) -> Request {
        let path = format!("{}/service_bindings/one?{}", self.path, deletion());
        Request::new("DELETE", path, None)
    }

    async fn at_once(&self, requests: impl IntoIterator<Item = Request>) -> Vec<Answer> {
        let mut running = JoinSet::new();
        for request in requests {
            let client = self.now.clone();
            running.spawn(async move {
                client
                    .request(request.method, &request.path, request.body)
                    .await
            });
        }
        running.join_all().await
    }

    /// Polls until it is over; the state, or nothing where there is no such instance.
    async fn end(&self) -> Option<String> {
        loop {
            let answer = self
                .later
                .request("GET", &format!("{}/last_operation", self.path), None)
                .await;
            match answer.body["state"].as_str() {
                Some("in progress") => tokio::time::sleep(Duration::from_millis(20)).await,
                state => return state.map(str::to_owned),
            }
        }
    }

    /// What the account has of it: stacks, and the keys of the user, if there is one.
    async fn in_aws(&self) -> (usize, Option<usize>) {
        let config = Calls::default().config().await;
        let cloudformation = aws_sdk_cloudformation::Client::new(&config);
        let id = self.path.rsplit('/').next().expect("an id");
        let name = format!("osb-sqs-{id}");
        let stacks = cloudformation
            .describe_stacks()
            .stack_name(name)
            .send()
            .await;
        let stacks = stacks.map_or(0, |stacks| stacks.stacks().len());
        let (instance, binding) = (
            InstanceId::new(id).expect("an id"),
            BindingId::new("one").expect("an id"),
        );
        let user = self.broker.naming.user(&instance, &binding);
        let iam = aws_sdk_iam::Client::new(&config);
        if iam.get_user().user_name(&user).send().await.is_err() {
            return (stacks, None);
        }
        let keys = iam
            .list_access_keys()
            .user_name(user)
            .send()
            .await
            .expect("keys");
        (stacks, Some(keys.access_key_metadata().len()))
    }

    async fn delete(&self) {
        let deleted = self
            .later
            .request("DELETE", &self.deprovision().path, None)
            .await;
        assert!(matches!(deleted.status.as_u16(), 202 | 410), "{deleted:?}");
        if deleted.status == 202 {
            assert_eq!(self.end().await.as_deref(), Some("succeeded"));
        }
        assert_eq!(self.in_aws().await, (0, None));
    }
}

struct Request {
    method: &'static str,
    path: String,
    body: Option<Value>,
}

impl Request {
    fn new(method: &'static str, path: String, body: Option<Value>) -> Self {
        Self { method, path, body }
    }
}

/// The query of a deletion.
fn deletion() -> String {
    format!(
        "service_id={}&plan_id={}&accepts_incomplete=true",
        service_id("sqs"),
        plan_id("sqs", "standard")
    )
}

fn ids() -> Value {
    json!({"service_id": service_id("sqs"), "plan_id": plan_id("sqs", "standard")})
}

fn check_statuses(answers: &[Answer], allowed: &[u16]) {
    for answer in answers {
        assert!(allowed.contains(&answer.status.as_u16()), "{answer:?}");
    }
}

#[tokio::test]
async fn parallel_provision_requests_create_one_stack() {
    for _ in 0..rounds() {
        let race = Race::new().await;
        let answers = race.at_once((0..PARALLEL).map(|_| race.provision())).await;
        check_statuses(&answers, &[202]);
        let operation = &answers[0].body["operation"];
        assert!(
            operation.is_string()
                && answers
                    .iter()
                    .all(|answer| answer.body["operation"] == *operation)
        );
        assert_eq!(race.end().await.as_deref(), Some("succeeded"));
        assert_eq!(race.in_aws().await, (1, None));
        race.delete().await;
    }
}

#[tokio::test]
async fn parallel_bind_requests_create_one_user_and_key() {
    for _ in 0..rounds() {
        let race = Race::new().await;
        race.at_once([race.provision()]).await;
        race.end().await;
        let answers = race.at_once((0..PARALLEL).map(|_| race.bind())).await;
        check_statuses(&answers, &[200, 201, 202]);
        assert_eq!(
            answers.iter().filter(|answer| answer.status == 201).count(),
            1
        );
        let credentials: Vec<_> = answers
            .iter()
            .map(|answer| &answer.body["credentials"])
            .filter(|credentials| credentials.is_object())
            .collect();
        assert!(credentials.iter().all(|other| *other == credentials[0]));
        assert_eq!(race.in_aws().await, (1, Some(1)));
        let answers = race.at_once((0..PARALLEL).map(|_| race.unbind())).await;
        check_statuses(&answers, &[200, 202, 410]);
        assert_eq!(race.in_aws().await, (1, None));
        race.delete().await;
    }
}

#[tokio::test]
async fn racing_bind_and_unbind_can_be_cleaned_up() {
    for round in 0..rounds() {
        let race = Race::new().await;
        race.at_once([race.provision()]).await;
        race.end().await;
        let requests = (0..PARALLEL).map(|number| {
            if (number + round) % 2 == 0 {
                race.bind()
            } else {
                race.unbind()
            }
        });
        let answers = race.at_once(requests).await;
        check_statuses(&answers, &[200, 201, 202, 409, 410, 422]);
        // Whoever was told to wait, or that it is accepted, asks again.
        let unbound = race
            .later
            .request("DELETE", &race.unbind().path, None)
            .await;
        assert!(matches!(unbound.status.as_u16(), 200 | 410), "{unbound:?}");
        assert_eq!(race.in_aws().await, (1, None));
        race.delete().await;
    }
}

#[tokio::test]
async fn racing_bind_and_deletion_leave_no_orphans() {
    for round in 0..rounds() {
        let race = Race::new().await;
        race.at_once([race.provision()]).await;
        race.end().await;
        let mut requests = vec![race.bind(), race.deprovision()];
        requests.rotate_left(round % 2);
        let answers = race.at_once(requests).await;
        check_statuses(&answers, &[201, 202, 400, 404, 422]);
        race.delete().await;
    }
}

#[tokio::test]
async fn racing_provision_and_deletion_end_consistently() {
    for round in 0..rounds() {
        let race = Race::new().await;
        let requests = (0..PARALLEL).map(|number| {
            if (number + round) % 2 == 0 {
                race.provision()
            } else {
                race.deprovision()
            }
        });
        let answers = race.at_once(requests).await;
        check_statuses(&answers, &[200, 202, 409, 410, 422]);
        let end = race.end().await;
        let stacks = race.in_aws().await.0;
        let operations = answers
            .iter()
            .filter_map(|answer| answer.body["operation"].as_str());
        let is_deleted = operations
            .clone()
            .any(|operation| operation.starts_with("deprovision"));
        assert_eq!(
            (end.as_deref(), stacks),
            (Some("succeeded"), usize::from(!is_deleted)),
            "{answers:?}"
        );
        race.delete().await;
    }
}
