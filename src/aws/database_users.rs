//! [`DatabaseUsers`] with the broker's own function in the network of the databases.

use async_trait::async_trait;
use aws_config::SdkConfig;
use database_protocol::{Action, Answer, NewUser, Request, Server, UserName};
use secrecy::{ExposeSecret, SecretString};

use super::{error::Service, functions::Lambda};
use crate::broker::ports::{
    DatabaseUsers, Functions, Invocation, PortError, PortErrorKind, PortResult,
};

const SERVICE: Service = Service("Lambda");
const ACTION: &str = "Invoke";

/// The function in the network of the databases.
pub struct DatabaseFunction {
    lambda: Lambda,
    name: String,
}

impl DatabaseFunction {
    /// Creates the adapter for the function of this name, with the SDK's settings.
    pub fn new(config: &SdkConfig, name: &str) -> Self {
        Self {
            lambda: Lambda::new(config),
            name: name.to_owned(),
        }
    }

    async fn perform(&self, request: &Request) -> PortResult<Answer> {
        // The text of an error may quote the request.
        let payload = serde_json::to_string(request)
            .map_err(|_| SERVICE.unexpected(ACTION, "the request cannot be written as JSON"))?;
        let payload = SecretString::from(payload);

        match self.lambda.invoke(&self.name, &payload).await? {
            Invocation::Answered(answer) => serde_json::from_str(answer.expose_secret())
                .map_err(|_| SERVICE.unexpected(ACTION, "the function's answer is unknown")),
            // Its process has ended, or its time: it answers everything else. Its message could quote
            // the request.
            Invocation::Failed { .. } => Ok(Answer::Unreachable(
                "the function in its network failed or did not finish in time".into(),
            )),
            Invocation::Missing => Err(PortError {
                service: SERVICE.0,
                action: ACTION,
                kind: PortErrorKind::Misconfigured,
                detail: format!("no function {}: deploy the broker's stack again", self.name),
            }),
        }
    }
}

#[async_trait]
impl DatabaseUsers for DatabaseFunction {
    async fn create(&self, server: &Server, user: &NewUser) -> PortResult<Answer> {
        let action = Action::Create(user.clone());
        self.perform(&request(server, action)).await
    }

    async fn delete(&self, server: &Server, name: &UserName) -> PortResult<Answer> {
        let action = Action::Drop { name: name.clone() };
        self.perform(&request(server, action)).await
    }
}

fn request(server: &Server, action: Action) -> Request {
    Request {
        server: server.clone(),
        action,
    }
}
