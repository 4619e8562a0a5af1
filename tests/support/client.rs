//! A platform: sends requests to a router whose ports are a [`World`].

use std::{
    future::poll_fn,
    sync::{Arc, LazyLock},
    task::Poll,
};

use aws_service_broker::{
    broker::{
        Broker, Databases, Naming, OperatorOverrides, Place,
        authentication::Authenticator,
        records::Location,
        rules::{BindingRules, Locations, OperatorTags, Quotas},
        stacks::ProgressCache,
    },
    http::{MissingVersion, router},
};
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use catalog::{Catalog, Precedence};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{
    offering::body_of,
    world::{DATABASE_GROUP, DATABASE_SUBNETS, World, catalog},
};

/// The instance of which most tests tell.
pub const INSTANCE: &str = "5f2a1c3e-8d47-4b6a-9e0f-1c2d3e4f5a6b";

/// An answer of the broker.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// The error's text for the user.
    pub fn description(&self) -> &str {
        self.body["description"]
            .as_str()
            .unwrap_or_else(|| panic!("no description in {self:?}"))
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }
}

/// A platform with a broker of its own.
#[derive(Clone)]
pub struct Client {
    /// What is behind the broker; unused where it has other ports.
    pub world: World,
    router: Router,
    authorization: String,
    broker: Option<Broker>,
}

impl Client {
    /// A broker with the compiled-in catalog in an empty account.
    pub fn new() -> Self {
        Self::with_catalog(catalog())
    }

    /// A broker with this catalog in an empty account.
    pub fn with_catalog(catalog: Catalog) -> Self {
        Self::with(
            World::new(),
            catalog,
            BindingRules::default(),
            MissingVersion::default(),
        )
    }

    /// A broker with this catalog and these settings in this account.
    pub fn with(
        world: World,
        catalog: Catalog,
        rules: BindingRules,
        missing_version: MissingVersion,
    ) -> Self {
        let shared = Arc::new(world.clone());
        let broker = Broker {
            catalog,
            naming: Naming::new("osb"),
            place: Place {
                account_id: "000000000000".into(),
                region: "us-east-1".into(),
                partition: "aws".into(),
            },
            rules,
            quotas: Quotas::default(),
            operator_tags: OperatorTags::default(),
            overrides: OperatorOverrides::new(shared.clone(), Precedence::default()),
            records: shared.clone(),
            locations: Locations::default(),
            aws_ports: shared.clone(),
            databases: Some(Databases {
                users: shared.clone(),
                subnet_ids: DATABASE_SUBNETS.into(),
                security_group_id: DATABASE_GROUP.into(),
            }),
            vault: shared.clone(),
            environment: shared.clone(),
            progress_cache: ProgressCache::default(),
        };

        Self::behind(world, broker, missing_version)
    }

    /// The same broker, whose operator allows these locations.
    pub fn with_locations(self, locations: &[Location]) -> Self {
        let locations = locations.iter().cloned().collect();
        self.with_organizations(locations)
    }

    /// The same broker, whose operator allows these locations to these organizations.
    pub fn with_organizations(self, locations: Locations) -> Self {
        let broker = self.broker();
        let catalog = broker.catalog.asking_for(locations.schema(&broker.place));
        self.with_broker(Broker {
            catalog,
            locations,
            ..broker
        })
    }

    /// Another broker in the same account.
    pub fn with_broker(self, broker: Broker) -> Self {
        Self::behind(self.world, broker, MissingVersion::default())
    }

    fn behind(world: World, broker: Broker, missing_version: MissingVersion) -> Self {
        let shared = Arc::new(world.clone());
        let authenticator = Authenticator::new(shared.clone(), shared);
        let router = router(broker.clone(), authenticator, missing_version);
        Self {
            world,
            broker: Some(broker),
            ..Self::of(router, "broker", "local-only-password")
        }
    }

    /// A broker that has its own ports and credentials.
    pub fn of(router: Router, username: &str, password: &str) -> Self {
        Self {
            world: World::new(),
            router,
            authorization: basic(username, password),
            broker: None,
        }
    }

    /// The broker behind the router, in the account of [`Self::world`].
    pub fn broker(&self) -> Broker {
        self.broker.clone().expect("a broker with ports in memory")
    }

    /// Sends a request as it is.
    pub async fn send<B>(&self, request: Request<B>) -> Answer
    where
        B: axum::body::HttpBody<Data = axum::body::Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let response = self
            .router
            .clone()
            .oneshot(request.map(Body::new))
            .await
            .expect("the router never fails");

        let (head, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();

        if head.status == StatusCode::NOT_MODIFIED {
            assert!(bytes.is_empty(), "{bytes:?}");
            return Answer {
                status: head.status,
                headers: head.headers,
                body: Value::Null,
            };
        }

        let body =
            serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{error}: {bytes:?}"));
        Answer {
            status: head.status,
            headers: head.headers,
            body,
        }
    }

    /// Sends a request for a user of Kubernetes.
    pub async fn request_for(&self, user: &str, method: &str, path: &str, body: &Value) -> Answer {
        let identity = BASE64_STANDARD.encode(json!({"username": user}).to_string());
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", basic("broker", "local-only-password"))
            .header("x-broker-api-version", "2.17")
            .header(
                "x-broker-api-originating-identity",
                format!("kubernetes {identity}"),
            )
            .header("content-type", "application/json");
        self.send(request.body(body.to_string()).expect("a request"))
            .await
    }

    /// Sends a good request of this method, path and body.
    pub async fn request(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", &self.authorization)
            .header("x-broker-api-version", "2.17");
        let request = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        self.send(request.expect("a request")).await
    }

    /// Provisions [`INSTANCE`] with these members over those of a plain request for
    /// `sqs`/`standard`.
    pub async fn provision(&self, members: Value) -> Answer {
        self.provision_as(INSTANCE, members).await
    }

    pub async fn provision_as(&self, id: &str, members: Value) -> Answer {
        let mut body = json!({
            "service_id": service_id("sqs"),
            "plan_id": plan_id("sqs", "standard"),
            "organization_guid": "an-organization",
            "space_guid": "a-space",
        });
        merge(&mut body, members);
        self.request(
            "PUT",
            &format!("/v2/service_instances/{id}?accepts_incomplete=true"),
            Some(body),
        )
        .await
    }

    /// Updates [`INSTANCE`] with these members over those of a plain request for `sqs`.
    pub async fn update(&self, members: Value) -> Answer {
        let mut body = json!({"service_id": service_id("sqs")});
        merge(&mut body, members);
        self.request(
            "PATCH",
            &format!("/v2/service_instances/{INSTANCE}?accepts_incomplete=true"),
            Some(body),
        )
        .await
    }

    pub async fn last_operation(&self) -> Answer {
        self.request(
            "GET",
            &format!("/v2/service_instances/{INSTANCE}/last_operation"),
            None,
        )
        .await
    }

    pub async fn fetch_instance(&self) -> Answer {
        self.request("GET", &format!("/v2/service_instances/{INSTANCE}"), None)
            .await
    }

    pub async fn deprovision(&self) -> Answer {
        let query = format!("accepts_incomplete=true&{}", self.ids());
        self.request(
            "DELETE",
            &format!("/v2/service_instances/{INSTANCE}?{query}"),
            None,
        )
        .await
    }

    /// The query that names the service of [`INSTANCE`]; that of `sqs` where there is no record of
    /// one.
    pub fn ids(&self) -> String {
        let instance = self.world.instance(INSTANCE);
        let service_id = instance.map_or_else(
            || service_id("sqs"),
            |instance| instance.attributes.service_id.to_string(),
        );
        format!("service_id={service_id}&plan_id=any")
    }

    /// Binds [`INSTANCE`] with these members over those of a plain request for `sqs`/`standard`.
    pub async fn bind(&self, id: &str, members: Value) -> Answer {
        self.bind_with(id, "", members).await
    }

    /// Likewise, for a platform that polls bindings.
    pub async fn bind_async(&self, id: &str, members: Value) -> Answer {
        self.bind_with(id, "?accepts_incomplete=true", members)
            .await
    }

    async fn bind_with(&self, id: &str, query: &str, members: Value) -> Answer {
        let mut body =
            json!({"service_id": service_id("sqs"), "plan_id": plan_id("sqs", "standard")});
        merge(&mut body, members);
        let path = format!("/v2/service_instances/{INSTANCE}/service_bindings/{id}{query}");
        self.request("PUT", &path, Some(body)).await
    }

    pub async fn binding_last_operation(&self, id: &str) -> Answer {
        let path = format!("/v2/service_instances/{INSTANCE}/service_bindings/{id}/last_operation");
        self.request("GET", &path, None).await
    }

    pub async fn fetch_binding(&self, id: &str) -> Answer {
        self.request(
            "GET",
            &format!("/v2/service_instances/{INSTANCE}/service_bindings/{id}"),
            None,
        )
        .await
    }

    pub async fn unbind(&self, id: &str) -> Answer {
        let path = format!(
            "/v2/service_instances/{INSTANCE}/service_bindings/{id}?{}",
            self.ids()
        );
        self.request("DELETE", &path, None).await
    }

    /// Likewise, for a platform that polls bindings.
    pub async fn unbind_async(&self, id: &str) -> Answer {
        let query = format!("{}&accepts_incomplete=true", self.ids());
        let path = format!("/v2/service_instances/{INSTANCE}/service_bindings/{id}?{query}");
        self.request("DELETE", &path, None).await
    }

    /// Lets CloudFormation end well what it does with [`INSTANCE`], and sees it end.
    pub async fn finish(&self) {
        self.world.complete_stacks();
        self.last_operation().await.expect(200);
    }

    /// Runs the first request until it has made this call of a port, then the second one to its
    /// end, then the rest of the first one.
    pub async fn interrupt<T>(
        &self,
        first: impl Future<Output = Answer>,
        call: &str,
        second: impl Future<Output = T>,
    ) -> (Answer, T) {
        self.world.take_calls();
        self.world.yield_at_calls(true);
        let mut first = Box::pin(tokio::task::unconstrained(first));
        while !self.world.take_calls().contains(&call) {
            let polled = poll_fn(|context| Poll::Ready(first.as_mut().poll(context))).await;
            assert!(polled.is_pending(), "it ends without {call}: {polled:?}");
        }

        self.world.yield_at_calls(false);
        let second = second.await;
        (first.await, second)
    }

    /// An instance of `sqs`/`standard` whose creation is over and known to be.
    pub async fn with_instance() -> Self {
        Self::new().having_instance().await
    }

    /// The same broker with such an instance.
    pub async fn having_instance(self) -> Self {
        let client = self;
        client.provision(json!({})).await.expect(202);
        client.finish().await;
        client.world.take_calls();
        client
    }
}

/// The members of `over` in the place of those of `body`; `null` removes one.
fn merge(body: &mut Value, over: Value) {
    let Value::Object(over) = over else {
        panic!("members are an object")
    };
    let body = body.as_object_mut().expect("a body is an object");
    for (key, value) in over {
        match value {
            Value::Null => drop(body.remove(&key)),
            value => drop(body.insert(key, value)),
        }
    }
}

/// The value of an Authorization header.
pub fn basic(username: &str, password: &str) -> String {
    format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{username}:{password}"))
    )
}

fn offering(name: &str) -> Value {
    static CATALOG: LazyLock<Value> = LazyLock::new(|| body_of(&catalog()));
    let offerings = CATALOG["services"].as_array().expect("services").iter();
    offerings
        .clone()
        .find(|offering| offering["name"] == name)
        .unwrap_or_else(|| panic!("no offering {name}"))
        .clone()
}

/// The id of an offering of the compiled-in catalog.
pub fn service_id(name: &str) -> String {
    offering(name)["id"].as_str().expect("an id").to_owned()
}

/// A plan of the compiled-in catalog, as platforms see it.
pub fn plan(service: &str, plan: &str) -> Value {
    let offering = offering(service);
    let plans = offering["plans"].as_array().expect("plans").iter();
    plans
        .clone()
        .find(|offered| offered["name"] == plan)
        .unwrap_or_else(|| panic!("no plan {plan}"))
        .clone()
}

/// The id of a plan of the compiled-in catalog.
pub fn plan_id(service: &str, name: &str) -> String {
    plan(service, name)["id"]
        .as_str()
        .expect("an id")
        .to_owned()
}
