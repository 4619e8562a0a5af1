//! The deployed stack's parts, and a way to see which calls are made.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
};

use aws_config::SdkConfig;
use aws_service_broker::{
    aws::{CloudFormation, ServiceRoles, load_config},
    broker::{
        Place,
        ports::{NewStack, StackCreation, Stacks},
    },
    settings::Settings,
};
use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
            SharedHttpClient, SharedHttpConnector,
        },
        orchestrator::HttpRequest,
        runtime_components::RuntimeComponents,
    },
    shared::IntoShared,
};

use crate::contract::{
    stacks::{ALLOW_ALL, SettlingStacks},
    unique,
};

/// What `infra/template.yaml` made.
pub fn settings() -> Settings {
    Settings::from_env().expect("the environment that `make test` sets")
}

/// What `infra/services.yaml` made.
pub fn service_roles() -> ServiceRoles {
    let settings = settings();
    let place = Place {
        account_id: settings.account_id.clone(),
        region: settings.region.clone(),
        partition: settings.partition().to_owned(),
    };
    ServiceRoles::new(settings.name_prefix, place, "")
}

/// The outputs of a stack that is made of this template.
pub async fn outputs_of_new_stack(template: &str) -> BTreeMap<String, String> {
    let stacks = CloudFormation::new(&Calls::default().config().await, service_roles());
    let name = format!("osb-sqs-{}", unique());
    let stack = NewStack {
        name: &name,
        template_body: template,
        stack_policy: ALLOW_ALL,
        parameters: BTreeMap::new(),
        tags: Vec::new(),
        token: "provision-1",
    };
    let created = stacks.create(&stack).await.expect("create");
    assert_eq!(created, StackCreation::Accepted);
    stacks.settle(&name).await;

    let described = stacks.describe(&name).await.expect("describe");
    described.expect("a stack").outputs
}

/// The calls of AWS that went through a client, retries included.
#[derive(Clone, Default)]
pub struct Calls(Arc<Mutex<Vec<String>>>);

impl Calls {
    /// The SDK's settings with these calls written down.
    pub async fn config(&self) -> SdkConfig {
        let config = load_config().await;
        let inner = config
            .http_client()
            .expect("the broker has an HTTP client of its own");
        let client: SharedHttpClient = Recorder {
            inner,
            calls: self.clone(),
        }
        .into_shared();
        config.into_builder().http_client(client).build()
    }

    /// The calls since the last time that they were taken.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("no test panics with the lock"))
    }

    fn push(&self, call: String) {
        self.0
            .lock()
            .expect("no test panics with the lock")
            .push(call);
    }
}

#[derive(Clone)]
struct Recorder<I> {
    inner: I,
    calls: Calls,
}

impl<I> fmt::Debug for Recorder<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

impl HttpClient for Recorder<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        parts: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, parts);
        Recorder {
            inner,
            calls: self.calls.clone(),
        }
        .into_shared()
    }
}

impl HttpConnector for Recorder<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.calls.push(action(&request));
        self.inner.call(request)
    }
}

/// The action is in a header of the JSON protocols, in the form of the Query protocol, and in
/// Lambda's paths.
fn action(request: &HttpRequest) -> String {
    if request.uri().ends_with("/invocations") {
        return "Invoke".into();
    }
    if let Some(target) = request.headers().get("x-amz-target") {
        return target.rsplit('.').next().unwrap_or(target).to_owned();
    }
    let form = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
    let action = form
        .split('&')
        .find_map(|field| field.strip_prefix("Action="));
    action
        .unwrap_or_else(|| panic!("a request of an unknown protocol: {}", request.uri()))
        .to_owned()
}
