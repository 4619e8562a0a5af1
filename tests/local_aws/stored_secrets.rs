use aws_sdk_ssm::types::ParameterType;
use aws_service_broker::{
    aws::StoredSecrets,
    broker::ports::{PortErrorKind::Misconfigured, Secrets},
};
use secrecy::ExposeSecret;

use crate::aws::{Calls, unique};

#[tokio::test]
async fn a_parameter_is_read_decrypted() {
    let (config, name) = (Calls::default().config().await, format!("/osb/{}", unique()));
    let ssm = aws_sdk_ssm::Client::new(&config);
    let put = ssm.put_parameter().name(&name).value("a secret").r#type(ParameterType::SecureString).send().await;
    put.expect("put");
    let secrets = StoredSecrets::new(&config);
    assert_eq!(secrets.parameter(&name).await.expect("a parameter").expose_secret(), "a secret");
    let missing = secrets.parameter("/osb/nobody").await.expect_err("no parameter");
    assert_eq!(missing.kind, Misconfigured);
    assert!(missing.detail.contains("refers to /osb/nobody, which does not exist"), "{missing}");
}

#[tokio::test]
async fn of_a_secret_the_current_version_is_read() {
    let (config, name) = (Calls::default().config().await, unique());
    let secrets_manager = aws_sdk_secretsmanager::Client::new(&config);
    let created = secrets_manager.create_secret().name(&name).secret_string("a secret").send().await.expect("create");
    let arn = created.arn.expect("an ARN");
    let secrets = StoredSecrets::new(&config);
    assert_eq!(secrets.secret(&arn).await.expect("a secret").expose_secret(), "a secret");
    secrets_manager.put_secret_value().secret_id(&arn).secret_string("another").send().await.expect("put");
    assert_eq!(secrets.secret(&arn).await.expect("a secret").expose_secret(), "another");
    let missing = secrets.secret(&format!("{arn}-no")).await.expect_err("no secret");
    assert_eq!(missing.kind, Misconfigured);
}
