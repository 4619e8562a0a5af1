//! AWS as it is: throttled, silent, or not set up as the broker needs it. The adapters run on
//! answers that are played.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::{Credentials, Region, SharedCredentialsProvider};
use aws_service_broker::{
    app, aws,
    broker::{
        Broker,
        authentication::Authenticator,
        ports::{
            Environment, NewStack, NewUser, ParameterValue, PlatformSecrets, PortError,
            PortErrorKind, StackCreation,
        },
        records::{BindingId, InstanceId, Purpose, Sealed},
    },
    http::{MissingVersion, router},
    settings::Settings,
};
use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
            SharedHttpClient, SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        runtime_components::RuntimeComponents,
    },
    shared::IntoShared,
};
use aws_smithy_types::body::SdkBody;
use jiff::Timestamp;
use serde_json::json;
use tokio::time::Instant;

use crate::{
    contract::stacks::ALLOW_ALL,
    support::{Client, INSTANCE, Log, World, plan_id, service_id},
};

/// What AWS says to every call; nothing, ever, where it is none.
type Words = Option<(u16, &'static str, &'static str)>;

const THROTTLED: Words = Some((400, "ThrottlingException", "Rate exceeded"));

/// An AWS that says the same to every call.
#[derive(Clone)]
struct Aws {
    words: Words,
    /// The only service that says so, by its host; all others do what they are asked for.
    by: &'static str,
    calls: Arc<Mutex<usize>>,
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aws")
    }
}

impl HttpClient for Aws {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.clone().into_shared()
    }
}

impl HttpConnector for Aws {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        *self.calls.lock().expect("no test panics with the lock") += 1;
        if !request.uri().contains(self.by) {
            return HttpConnectorFuture::ready(Ok(HttpResponse::new(
                200.try_into().expect("a status"),
                "{}".into(),
            )));
        }
        let Some((status, code, message)) = self.words else {
            return HttpConnectorFuture::new(std::future::pending());
        };
        // The JSON protocols have their action in a header, or are Lambda's; the Query protocol
        // answers XML.
        let is_json =
            request.headers().get("x-amz-target").is_some() || request.uri().contains("lambda");
        let body = if is_json {
            json!({"__type": code, "message": message}).to_string()
        } else {
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
            )
        };
        let status = status.try_into().expect("a status");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body))))
    }
}

impl Aws {
    fn saying(words: Words) -> Self {
        Self {
            words,
            by: "",
            calls: Arc::default(),
        }
    }

    async fn config(&self) -> SdkConfig {
        let client: SharedHttpClient = self.clone().into_shared();
        let credentials =
            SharedCredentialsProvider::new(Credentials::new("a", "b", None, None, "c"));
        let config = aws::load_config().await.into_builder();
        config
            .region(Region::new("eu-central-1"))
            .credentials_provider(credentials)
            .http_client(client)
            .build()
    }

    async fn broker(&self) -> Broker {
        app::broker(&settings(), &self.config().await)
    }

    /// A platform whose credentials are right.
    async fn platform(&self) -> Client {
        let world = Arc::new(World::new());
        let authenticator = Authenticator::new(world.clone(), world);
        Client::of(
            router(
                self.broker().await,
                authenticator,
                MissingVersion::default(),
            ),
            "broker",
            "local-only-password",
        )
    }

    fn take_calls(&self) -> usize {
        std::mem::take(&mut *self.calls.lock().expect("no test panics with the lock"))
    }
}

fn settings() -> Settings {
    let settings = |name: &str| match name {
        "ACCOUNT_ID" => "000000000000",
        "BROKER_ID" => "awsservicebroker",
        "NAME_PREFIX" => "osb",
        "BINDING_LIFETIME_DAYS"
        | "MAX_INSTANCES_PER_ORGANIZATION"
        | "MAX_BINDINGS_PER_INSTANCE" => "0",
        "MISSING_VERSION_STATUS" => "400",
        "OUTPUTS_AS_IS" | "PRESCRIBE_OVERRIDES" | "STACK_EVENTS" | "SWEEP_REMOVES" => "no",
        "ENABLED_SERVICES" | "ENABLED_PLANS" | "PARAMETER_LIMITS" | "ENTRY_OWNERS" | "TAGS"
        | "LOCATIONS" => "",
        _ => "arn:any",
    };
    Settings::read(|name| Some(settings(name).into())).expect("settings")
}

/// Every request that calls AWS.
async fn answers(client: &Client) -> Vec<(Duration, u16)> {
    let provision = json!({
        "service_id": service_id("sqs"), "plan_id": plan_id("sqs", "standard"),
        "organization_guid": "o", "space_guid": "s",
    });
    let bind = json!({"service_id": service_id("sqs"), "plan_id": plan_id("sqs", "standard")});
    let (instance, ids) = (
        format!("/v2/service_instances/{INSTANCE}"),
        "service_id=s&plan_id=p",
    );
    let binding = format!("{instance}/service_bindings/one");
    let asynchronous = "accepts_incomplete=true";
    let requests = [
        ("PUT", format!("{instance}?{asynchronous}"), Some(provision)),
        (
            "PATCH",
            format!("{instance}?{asynchronous}"),
            Some(json!({"service_id": service_id("sqs")})),
        ),
        ("GET", instance.clone(), None),
        ("GET", format!("{instance}/last_operation"), None),
        ("DELETE", format!("{instance}?{asynchronous}&{ids}"), None),
        ("PUT", binding.clone(), Some(bind)),
        ("GET", binding.clone(), None),
        ("GET", format!("{binding}/last_operation"), None),
        ("DELETE", format!("{binding}?{ids}"), None),
    ];
    let mut answers = Vec::new();
    for (method, path, body) in requests {
        let started = Instant::now();
        let answer = client.request(method, &path, body).await;
        assert!(
            answer.description().contains("Retry"),
            "{}",
            answer.description()
        );
        answers.push((started.elapsed(), answer.status.as_u16()));
    }
    answers
}

#[tokio::test(start_paused = true)]
async fn throttled_calls_are_retried_within_25_seconds() {
    let aws = Aws::saying(THROTTLED);
    let client = aws.platform().await;
    for (elapsed, status) in answers(&client).await {
        assert_eq!(status, 503);
        assert!(elapsed < Duration::from_secs(25), "{elapsed:?}");
    }
    // The first call of each is sent five times, or four where chance makes it wait for long.
    assert!(aws.take_calls() >= 9 * 4);
}

#[tokio::test(start_paused = true)]
async fn hanging_calls_are_retried_within_25_seconds() {
    let aws = Aws::saying(None);
    let client = aws.platform().await;
    for (elapsed, status) in answers(&client).await {
        assert_eq!(status, 503);
        assert!(elapsed < Duration::from_secs(25), "{elapsed:?}");
    }
    assert!(aws.take_calls() >= 9 * 2);
}

fn instance_id() -> InstanceId {
    InstanceId::new(INSTANCE).expect("an id")
}

async fn read_record(broker: Broker) -> Result<(), PortError> {
    broker
        .records
        .instance(&instance_id(), Timestamp::now())
        .await
        .map(drop)
}

async fn seal(broker: Broker) -> Result<(), PortError> {
    let (instance_id, binding_id) = (instance_id(), BindingId::new("one").expect("an id"));
    let purpose = Purpose {
        instance_id: &instance_id,
        binding_id: Some(&binding_id),
    };
    broker
        .vault
        .seal(&purpose, &"a secret".into())
        .await
        .map(drop)
}

async fn open(broker: Broker) -> Result<(), PortError> {
    let purpose = Purpose {
        instance_id: &instance_id(),
        binding_id: None,
    };
    broker
        .vault
        .open(&purpose, &Sealed("c2VhbGVk".into()))
        .await
        .map(drop)
}

async fn create_stack(broker: Broker) -> Result<(), PortError> {
    let stack = NewStack {
        name: "osb-a-stack",
        template_body: "{}",
        stack_policy: ALLOW_ALL,
        parameters: [(
            "Password".to_owned(),
            ParameterValue::Given("a secret".into()),
        )]
        .into(),
        tags: vec![],
        token: "a-token",
    };
    broker
        .aws_ports
        .at(None)
        .await
        .stacks
        .create(&stack)
        .await
        .map(|created| assert_eq!(created, StackCreation::Accepted))
}

async fn create_user(broker: Broker) -> Result<(), PortError> {
    broker
        .aws_ports
        .at(None)
        .await
        .users
        .create_user(&NewUser {
            name: "osb-a-user".into(),
            service: "sqs".into(),
            tags: vec![],
        })
        .await
        .map(drop)
}

async fn delete_user(broker: Broker) -> Result<(), PortError> {
    broker
        .aws_ports
        .at(None)
        .await
        .users
        .delete_user("osb-a-user")
        .await
}

/// What AWS says, and the setting that the log is to name.
macro_rules! repairs {
    ($($port:ident: $status:literal $code:literal $message:literal => $setting:literal,)+) => {
        $({
            let aws = Aws::saying(Some(($status, $code, $message)));
            let error = $port(aws.broker().await).await.expect_err($code);
            assert_eq!(error.kind, PortErrorKind::Misconfigured, "{error}");
            let text = error.to_string();
            assert!(text.contains($setting) && text.contains($code) && text.contains($message), "{text}");
            assert!(!text.contains("a secret"), "{text}");
            let told = aws_service_broker::broker::Error::from(error).to_string();
            assert!(told.contains("operator can find the repair in the log."), "{told}");
        })+
    };
}

/// The texts are those that AWS documents, or answers.
#[tokio::test]
async fn misconfiguration_error_names_the_setting() {
    repairs! {
        read_record: 400 "ResourceNotFoundException" "Requested resource not found" => "TABLE_NAME",
        seal: 400 "DisabledException" "arn:aws:kms:x:0:key/k is disabled." => "KEY_ARN",
        open: 400 "DisabledException" "arn:aws:kms:x:0:key/k is disabled." => "KEY_ARN",
        open: 400 "KMSInvalidStateException" "arn:aws:kms:x:0:key/k is pending deletion." => "KEY_ARN",
        seal: 400 "NotFoundException" "Key 'arn:aws:kms:x:0:key/k' does not exist" => "KEY_ARN",
        create_stack: 400 "ValidationError" "Role arn:aws:iam::0:role/r is invalid or cannot be assumed" => "deploy role of the service must exist",
        create_user: 404 "NoSuchEntity" "Scope ARN: arn:aws:iam::0:policy/p does not exist or is not attachable." => "boundary of the service must exist",
    }
    let aws = Aws::saying(Some((
        400,
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret.",
    )));
    let secrets = aws::SecretsManager::new(&aws.config().await, "an-arn");
    let error = secrets.read().await.expect_err("no secret");
    assert_eq!(error.kind, PortErrorKind::Misconfigured);
    assert!(
        error.to_string().contains("CREDENTIALS_SECRET_ARN"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn user_deletion_conflict_quotes_iam() {
    let message = "Cannot delete entity, must remove users from group first.";
    let aws = Aws::saying(Some((409, "DeleteConflict", message)));
    let error = delete_user(aws.broker().await).await.expect_err("a group");
    assert_eq!(error.kind, PortErrorKind::InUse, "{error}");
    let told = aws_service_broker::broker::Error::from(error).to_string();
    assert!(
        told.contains(message) && told.contains("Have it removed, then retry"),
        "{told}"
    );
}

#[tokio::test]
async fn unreadable_aws_error_is_reported_as_invalid_xml() {
    // XML has no such character.
    let aws = Aws::saying(Some((400, "ValidationError", "a\u{1}")));
    let error = create_stack(aws.broker().await).await.expect_err("no XML");
    assert!(
        !error.to_string().contains("no code") && error.to_string().contains("XML"),
        "{error}"
    );
}

#[tokio::test]
async fn misconfiguration_is_a_500_and_logged_with_its_setting() {
    let log = Log::watch();
    let missing_table = ("ResourceNotFoundException", "Requested resource not found");
    let disabled_key = (
        "AccessDeniedException",
        "KMS key access denied error: the ciphertext refers to a disabled key",
    );
    let wrong_role = (
        "ValidationError",
        "Role arn:aws:iam::0:role/r is invalid or cannot be assumed",
    );
    for (by, (code, message), setting) in [
        ("dynamodb", missing_table, "TABLE_NAME"),
        ("dynamodb", disabled_key, "KEY_ARN"),
        ("cloudformation", wrong_role, "services.yaml"),
    ] {
        let aws = Aws {
            by,
            ..Aws::saying(Some((400, code, message)))
        };
        let members = json!({"parameters": {"DelaySeconds": 5}});
        let answer = aws
            .platform()
            .await
            .provision_as(setting, members)
            .await
            .expect(500);
        let description = answer.description();
        assert!(
            description.contains("operator can find the repair"),
            "{description}"
        );
        let line = log
            .lines(|line| line["message"] == "request" && line["instance_id"] == setting)
            .pop()
            .expect("a line of the request");
        let reason = line["reason"].as_str().expect("a reason");
        assert!(
            reason.contains(setting) && reason.contains(message),
            "{reason}"
        );
        assert_eq!(
            (&line["level"], &line["status"]),
            (&json!("ERROR"), &json!(500))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn uncertain_stack_creation_is_not_retried() {
    for words in [
        None,
        Some((500, "InternalFailure", "Sorry")),
        Some((503, "ServiceUnavailable", "")),
    ] {
        let aws = Aws::saying(words);
        let error = create_stack(aws.broker().await)
            .await
            .expect_err("no stack");
        assert_eq!(
            (error.kind, aws.take_calls()),
            (PortErrorKind::Unavailable, 1)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn failed_invocation_is_retried_within_24_seconds() {
    let too_many = Some((429, "TooManyRequestsException", "Rate exceeded"));
    for (words, least_calls) in [
        (None, 2),
        (Some((500, "ServiceException", "Sorry")), 4),
        (too_many, 4),
    ] {
        let (aws, started) = (Aws::saying(words), Instant::now());
        let invoked = aws
            .broker()
            .await
            .aws_ports
            .at(None)
            .await
            .functions
            .invoke("a-function", &"{}".into())
            .await;
        let error = invoked.expect_err("no answer");
        assert!(
            error.is_passing() && aws.take_calls() >= least_calls,
            "{error}"
        );
        assert!(
            started.elapsed() < Duration::from_secs(24),
            "{:?}",
            started.elapsed()
        );
    }
}

#[test]
fn first_record_versions_are_unique() {
    assert_ne!(aws::System.first_version(), aws::System.first_version());
}

#[tokio::test]
async fn missing_permission_is_reported_in_aws_words() {
    let message = "User: arn:aws:sts::0:assumed-role/broker is not authorized to perform: \
                   iam:CreateUser on resource: u";
    let aws = Aws::saying(Some((403, "AccessDenied", message)));
    let error = create_user(aws.broker().await).await.expect_err("denied");
    assert_eq!(
        (error.kind, error.detail),
        (PortErrorKind::Denied, format!("AccessDenied: {message}"))
    );
}

async fn put_policy(broker: Broker) -> Result<(), PortError> {
    broker
        .aws_ports
        .at(None)
        .await
        .users
        .put_policy("osb-a-user", "{}")
        .await
}

#[tokio::test]
async fn policy_size_limit_differs_from_account_quota() {
    for message in [
        "Maximum policy size of 2048 bytes exceeded for user osb-a-user",
        "Maximum policy size of 10240 bytes exceeded for role worker",
        "Cannot exceed quota for PolicySize: 6144",
    ] {
        let aws = Aws::saying(Some((409, "LimitExceeded", message)));
        let error = put_policy(aws.broker().await).await.expect_err("too long");
        assert_eq!(
            (error.kind, error.detail.as_str()),
            (
                PortErrorKind::PolicyTooLong,
                &*format!("LimitExceeded: {message}")
            )
        );
        let told = aws_service_broker::broker::Error::from(error).to_string();
        assert!(
            told.starts_with(
                "The permissions of this binding exceed the size that AWS IAM allows."
            ),
            "{told}"
        );
    }
    let aws = Aws::saying(Some((
        409,
        "LimitExceeded",
        "Cannot exceed quota for UsersPerAccount: 5000",
    )));
    let error = create_user(aws.broker().await).await.expect_err("too many");
    assert_eq!(error.kind, PortErrorKind::Exhausted);
    let told = aws_service_broker::broker::Error::from(error).to_string();
    assert!(told.contains("quota for UsersPerAccount: 5000"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn stack_quota_and_capability_errors_are_500s() {
    for (code, kind) in [
        ("LimitExceededException", PortErrorKind::Exhausted),
        // The broker sends the capabilities that its templates need.
        (
            "InsufficientCapabilitiesException",
            PortErrorKind::Unexpected,
        ),
    ] {
        let aws = Aws::saying(Some((400, code, "Limit for stack has been exceeded")));
        let error = create_stack(aws.broker().await).await.expect_err(code);
        assert_eq!(error.kind, kind, "{error}");
        let aws = Aws {
            by: "cloudformation",
            ..Aws::saying(Some((400, code, "Limit for stack has been exceeded")))
        };
        let answer = aws
            .platform()
            .await
            .provision_as(code, json!({}))
            .await
            .expect(500);
        let names_quota = answer
            .description()
            .contains("Limit for stack has been exceeded");
        assert_eq!(
            names_quota,
            kind == PortErrorKind::Exhausted,
            "{}",
            answer.description()
        );
    }
}

#[tokio::test]
async fn unbuildable_sdk_request_is_an_unexpected_error() {
    let aws = Aws::saying(THROTTLED);
    let invoked = aws
        .broker()
        .await
        .aws_ports
        .at(None)
        .await
        .functions
        .invoke("", &"{}".into())
        .await;
    let error = invoked.expect_err("no request");
    assert_eq!(
        (error.kind, aws.take_calls()),
        (PortErrorKind::Unexpected, 0),
        "{error}"
    );
}
