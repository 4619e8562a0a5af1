use aws_service_broker::{
    aws::Lambda,
    broker::ports::{Functions, Invocation},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::aws::{Calls, settings, unique};

/// A function that answers what it was invoked with, or fails.
const STACK: &str = "
Resources:
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      Role: ROLE
      Code:
        ZipFile: |
          def handler(event, context):
              if event['RequestType'] == 'unbind':
                  raise ValueError('there is no such user')
              return {'username': event['BINDING_ID'], 'password': 'a secret'}
Outputs:
  Name: {Value: !Ref Function}
";

/// The name of a function that a stack has made.
async fn function() -> String {
    let cloudformation = aws_sdk_cloudformation::Client::new(&Calls::default().config().await);
    let (stack, body) = (format!("osb-{}", unique()), STACK.replace("ROLE", &settings().deploy_role_arn));
    cloudformation.create_stack().stack_name(&stack).template_body(body).send().await.expect("a stack");
    let described = cloudformation.describe_stacks().stack_name(&stack).send().await.expect("a stack");
    let output = described.stacks()[0].outputs().first().and_then(|output| output.output_value());
    output.unwrap_or_else(|| panic!("{:?}", described.stacks())).to_owned()
}

#[tokio::test]
async fn a_function_answers_or_says_why_not_without_its_stack_trace() {
    let functions = Lambda::new(&Calls::default().config().await);
    let name = function().await;
    let payload =
        |request_type| SecretString::from(json!({"RequestType": request_type, "BINDING_ID": "one"}).to_string());
    let Invocation::Answered(answer) = functions.invoke(&name, &payload("bind")).await.expect("bind") else {
        panic!("no answer")
    };
    let answer: Value = serde_json::from_str(answer.expose_secret()).expect("JSON");
    assert_eq!(answer, json!({"username": "one", "password": "a secret"}));
    let Invocation::Failed { message } = functions.invoke(&name, &payload("unbind")).await.expect("unbind") else {
        panic!("no failure")
    };
    // On AWS it begins with the name of the exception's class.
    assert!(message.ends_with(": there is no such user") && !message.contains("index.py"), "{message}");
    let missing = functions.invoke("osb-nobody", &payload("bind")).await.expect("an answer");
    assert!(matches!(missing, Invocation::Missing));
}
