//! [`Functions`]

use aws_service_broker::broker::ports::{Functions, Invocation};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

macro_rules! tests {
    ($new:expr) => {
        crate::contract::promises! { functions, $new; invocation_returns_an_answer_or_a_failure_message }
    };
}
pub(crate) use tests;

/// Functions, and two of them.
pub trait MadeFunctions: Functions {
    /// Makes a function that answers with its `BINDING_ID` as the user name, and returns the
    /// function's name.
    async fn make(&self) -> String;

    /// Makes a function that fails with `there is no such user`.
    async fn make_failing(&self) -> String;
}

pub async fn invocation_returns_an_answer_or_a_failure_message(functions: &impl MadeFunctions) {
    let payload =
        SecretString::from(json!({"RequestType": "bind", "BINDING_ID": "one"}).to_string());
    let name = functions.make().await;

    let Invocation::Answered(answer) = functions.invoke(&name, &payload).await.expect("an answer")
    else {
        panic!("no answer")
    };
    let answer: Value = serde_json::from_str(answer.expose_secret()).expect("JSON");
    assert_eq!(answer["username"], "user-one");

    let failing = functions.make_failing().await;
    let Invocation::Failed { message } = functions
        .invoke(&failing, &payload)
        .await
        .expect("an answer")
    else {
        panic!("no failure")
    };
    // On AWS it begins with the name of the exception's class.
    assert!(
        message.ends_with("there is no such user") && !message.contains("index.py"),
        "{message}"
    );

    let missing = functions
        .invoke("osb-nobody", &payload)
        .await
        .expect("an answer");
    assert!(matches!(missing, Invocation::Missing));
}
