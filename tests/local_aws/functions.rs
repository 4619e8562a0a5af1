use aws_service_broker::aws::Lambda;

use crate::{
    aws::{Calls, outputs_of_new_stack, service_roles},
    contract::{self, functions::MadeFunctions},
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
    let role = service_roles().deploy_role("sqs");
    let template = STACK.replace("ROLE", &role).replace("BODY", body);
    outputs_of_new_stack(&template).await["Name"].clone()
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
