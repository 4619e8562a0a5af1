//! A user of another space chooses the id of somebody's instance, as users of Kubernetes can.

use serde_json::{Value, json};

use crate::{
    block_on,
    interleavings::STATES,
    platform::{Fate, IDS, Platform},
    sample::report,
    support::{Answer, Client, Fault, INSTANCE, World},
};
use aws_service_broker::broker::ports::PortErrorKind::{Denied, Throttled, Unavailable};

/// What AWS may answer to a call of the broker's. If the broker's process ends, nobody remembers
/// who has asked: only an admission policy keeps users from choosing ids.
const FAULTS: [Fault; 4] = [
    Fault::Before(Throttled),
    Fault::Before(Unavailable),
    Fault::After(Unavailable),
    Fault::Before(Denied),
];

#[test]
fn other_space_cannot_reach_an_instance_by_its_id() {
    let mut attacks = 0;
    // In the first state there is no instance.
    for state in &STATES[1..] {
        block_on(async {
            let prepared = state.prepare().await;
            let calls = attack(&prepared, None).await;
            let calls = calls.iter().enumerate();
            // Before the sender is known, the request is nobody's.
            let calls = calls.filter(|(_, name)| **name != "platform_secrets.read");
            for fault in calls.flat_map(|(call, _)| FAULTS.map(|fault| (call, fault))) {
                attack(&prepared, Some(fault)).await;
                attacks += 1;
            }
        });
    }

    report(format_args!("{attacks} attacks by an id"));
}

/// Asks for the id, and cleans up as a platform does that does not know how that ended. Returns the
/// calls of AWS that the first request took.
async fn attack(prepared: &World, fault: Option<(usize, Fault)>) -> Vec<&'static str> {
    let world = prepared.copy();
    let before = world.account();
    let client = Platform::new(world.clone(), Fate::Well).client;

    world.script(fault);
    let provisioned = send(&client, "PUT").await;
    let calls = world.take_calls();
    assert!(
        provisioned.status.as_u16() >= 400,
        "{fault:?}: {provisioned:?}"
    );
    if provisioned.status.is_server_error() {
        let deleted = send(&client, "DELETE").await;
        assert_eq!(deleted.status, 410, "{fault:?}: {provisioned:?}");
    }

    let mut after = world.account();
    after.refused.clear();
    assert_eq!(after, before, "{fault:?}: {provisioned:?}");
    calls
}

/// Sends a request of the other space about the instance.
async fn send(client: &Client, method: &str) -> Answer {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let (service_id, plan_id) = (text(&IDS.0), text(&IDS.1));
    let path = format!(
        "/v2/service_instances/{INSTANCE}?accepts_incomplete=true&service_id={service_id}\
         &plan_id={plan_id}"
    );
    let body = json!({
        "service_id": service_id, "plan_id": plan_id, "organization_guid": "another",
        "space_guid": "another", "parameters": {"Size": 1},
    });

    client.request_for("mallory", method, &path, &body).await
}
