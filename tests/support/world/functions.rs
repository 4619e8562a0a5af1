//! The twin of Lambda.

use super::*;

/// A function in the stack of an instance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FakeFunction {
    /// What it was invoked with.
    pub invocations: Vec<Value>,
    /// What it answers, in the place of a password for the binding.
    pub answer: Option<String>,
    /// Why it fails.
    pub failure: Option<String>,
}

#[async_trait]
impl Functions for World {
    async fn invoke(&self, name: &str, payload: &SecretString) -> PortResult<Invocation> {
        self.call("functions.invoke", |state| {
            let Some(function) = state.account.functions.get_mut(name) else {
                return Invocation::Missing;
            };

            let payload: Value =
                serde_json::from_str(payload.expose_secret()).expect("a payload is JSON");
            function.invocations.push(payload.clone());

            match (&function.failure, &function.answer) {
                (Some(message), _) => Invocation::Failed {
                    message: message.clone(),
                },
                (None, Some(answer)) => Invocation::Answered(answer.clone().into()),
                (None, None) => {
                    let id = payload["BINDING_ID"].as_str().expect("an id");
                    let answer =
                        json!({"username": format!("user-{id}"), "password": password_of(id)});
                    Invocation::Answered(answer.to_string().into())
                }
            }
        })
        .await
    }
}

/// The password that a function makes for a binding.
pub fn password_of(binding_id: &str) -> String {
    format!("pass/word:of@{binding_id}%")
}
