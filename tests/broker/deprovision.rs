use aws_service_broker::broker::ports::PortErrorKind::Unavailable;
use serde_json::json;

use crate::support::{Client, Fault, INSTANCE};

#[tokio::test]
async fn a_failure_in_the_middle_is_taken_up_by_the_next_request() {
    for call in ["records.bindings", "identities.access_keys", "records.update_binding", "stacks.delete"] {
        for fault in [Fault::Before(Unavailable), Fault::After(Unavailable)] {
            let client = Client::with_instance().await;
            client.bind("a-binding", json!({})).await.expect(201);
            client.world.inject(call, fault);
            client.deprovision().await.expect(503);
            let operation = client.world.instance(INSTANCE).expect("the record").operation.id;
            assert_eq!(client.deprovision().await.expect(202).body["operation"], operation);
            assert!(client.world.users().is_empty() && client.world.bindings().is_empty());
        }
    }
}
