use aws_service_broker::aws::Lambda;

use crate::{
    aws::{Calls, service_roles},
    contract::{self, functions::MadeFunctions, unique},
};

/// A function whose body is that of a Python function.
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
              BODY
Outputs:
  Name: {Value: !Ref Function}
";

/// The name of a function that a stack has made.
async fn function(body: &str) -> String {
    let cloudformation = aws_sdk_cloudformation::Client::new(&Calls::default().config().await);
    let body = STACK
        .replace("ROLE", &service_roles().deploy_role("sqs"))
        .replace("BODY", body);
    let stack = format!("osb-{}", unique());
    cloudformation
        .create_stack()
        .stack_name(&stack)
        .template_body(body)
        .send()
        .await
        .expect("a stack");
    let described = cloudformation
        .describe_stacks()
        .stack_name(&stack)
        .send()
        .await
        .expect("a stack");
    let output = described.stacks()[0]
        .outputs()
        .first()
        .and_then(|output| output.output_value());
    output
        .unwrap_or_else(|| panic!("{:?}", described.stacks()))
        .to_owned()
}

impl MadeFunctions for Lambda {
    async fn make(&self) -> String {
        function("return {'username': 'user-' + event['BINDING_ID'], 'password': 'a secret'}").await
    }

    async fn make_failing(&self) -> String {
        function("raise ValueError('there is no such user')").await
    }
}

contract::functions::tests!(Lambda::new(&Calls::default().config().await));
