use aws_service_broker::broker::ports::PortErrorKind::Unavailable;
use serde_json::json;

use crate::support::{Client, Fault};

#[tokio::test]
async fn next_request_resumes_interrupted_unbinding() {
    for call in [
        "identities.access_keys",
        "identities.delete_user",
        "records.update_binding",
    ] {
        let client = Client::with_instance().await;
        client.bind("one", json!({})).await.expect(201);
        client.world.inject(call, Fault::Before(Unavailable));
        client.unbind("one").await.expect(503);
        // Credentials that no longer work are not handed out.
        client.fetch_binding("one").await.expect(404);
        client.bind("one", json!({})).await.expect(422);
        client.unbind("one").await.expect(200);
        assert!(client.world.users().is_empty());
    }
}
