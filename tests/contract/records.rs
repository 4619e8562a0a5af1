//! [`Records`]

use std::{collections::BTreeMap, time::Duration};

use aws_service_broker::{
    aws::System,
    broker::{
        ports::{BindingInsertion, Environment, Records, ScannedRecord, WriteOutcome},
        records::{
            Attributes, BINDING_TOMBSTONE_LIFETIME, Binding, BindingId, Grant,
            INSTANCE_TOMBSTONE_LIFETIME, Instance, InstanceId, Json, LONGEST_REQUEST, Lifetime,
            Operation, OperationKind, Refused, Requester, Sealed, SealedAccessKey, UserGrant,
        },
    },
    osb::NonEmpty,
};
use jiff::SignedDuration;
use serde_json::json;

use super::{all, unique};

macro_rules! tests {
    ($new:expr) => {
        crate::contract::promises! { records, $new;
            instance_is_read_as_it_was_written
            stale_instance_write_is_a_conflict
            expired_record_is_not_returned
            tombstone_blocks_its_id_for_the_longest_request
            binding_is_inserted_once_into_current_instance
            binding_is_read_with_its_instance_or_listed
            deprovision_begins_once_and_stops_new_bindings
            deprovision_waits_for_a_running_update
            unbind_waits_for_a_running_binding
            deletion_for_another_service_changes_nothing
            refused_users_are_remembered_for_a_day
            tombstone_reserves_its_id_for_its_space
            binding_tombstone_blocks_its_id_for_the_longest_request
            instance_count_excludes_tombstones
            second_of_two_identical_writes_conflicts
            deletion_of_another_operations_record_conflicts
            parallel_binding_inserts_all_succeed
            scan_finds_every_record
        }
    };
}
pub(crate) use tests;

fn object(value: serde_json::Value) -> Json {
    Json(value.as_object().expect("an object").clone())
}

pub fn instance() -> Instance {
    Instance {
        id: InstanceId::new(unique()).expect("an id"),
        attributes: attributes("a-plan"),
        update: None,
        location: None,
        stack_name: "a-stack".into(),
        stack_id: Some("arn:aws:cloudformation:us-east-1:000000000000:stack/a-stack/1".into()),
        has_stack_policy: true,
        created_by: Some(Requester::new("kubernetes", "a user")),
        changed_by: Some(Requester::new("kubernetes", "another user")),
        outputs: BTreeMap::from([("Url".into(), "https://example.com".into())]),
        operation: Operation::begin(OperationKind::Provision, System.uuid(), System.now()),
        previous_operation: None,
        expires_at: None,
        version: 0,
    }
}

fn non_empty(text: &str) -> NonEmpty {
    NonEmpty::new(text).expect("a text")
}

fn attributes(plan: &str) -> Attributes {
    Attributes {
        service_id: non_empty("a-service"),
        plan_id: non_empty(plan),
        organization_guid: non_empty("an-organization"),
        space_guid: non_empty("a-space"),
        context: object(json!({"platform": "kubernetes"})),
        // Numbers, order and texts that do not survive every way of storing them.
        parameters: object(json!({"b": 1.0, "a": 1, "c": "", "d": [null, 1e300, "é"]})),
        secret_parameters: None,
        overrides: catalog::OperatorValues::new(),
        references: [("an-id".into(), "a-name".into())].into(),
        template_version: Some("1.0.0".into()),
    }
}

pub fn binding(instance: &Instance) -> Binding {
    Binding {
        id: BindingId::new(unique()).expect("an id"),
        instance_id: instance.id.clone(),
        location: None,
        service_id: non_empty("a-service"),
        plan_id: non_empty("a-plan"),
        app_guid: None,
        parameters: object(json!({})),
        predecessor_id: Some(BindingId::new("a-predecessor").expect("an id")),
        grants: vec![Grant::User(UserGrant {
            user_name: "a-user".into(),
            access_key: Some(SealedAccessKey {
                id: "AKIA".into(),
                secret: Sealed("c2VhbGVk".into()),
            }),
        })],
        lifetime: Some(Lifetime {
            renew_before: System.now(),
            ends_at: System.now() + SignedDuration::from_hours(24),
        }),
        operation: Operation::begin(OperationKind::Bind, System.uuid(), System.now()),
        previous_operation: None,
        expires_at: None,
        version: 0,
    }
}

pub async fn instance_is_read_as_it_was_written(table: &impl Records) {
    let (instance, now) = (instance(), System.now());
    assert_eq!(table.instance(&instance.id, now).await.expect("read"), None);

    assert_eq!(
        table.insert_instance(&instance, now).await.expect("insert"),
        None
    );
    assert_eq!(
        table.instance(&instance.id, now).await.expect("read"),
        Some(instance.clone())
    );

    let other = Instance {
        attributes: attributes("another"),
        ..instance.clone()
    };
    assert_eq!(
        table.insert_instance(&other, now).await.expect("insert"),
        Some(instance)
    );
}

pub async fn stale_instance_write_is_a_conflict(table: &impl Records) {
    let (instance, now) = (instance(), System.now());
    assert_eq!(
        table.update_instance(&instance).await.expect("update"),
        WriteOutcome::Conflict
    );

    assert_eq!(
        table.insert_instance(&instance, now).await.expect("insert"),
        None
    );

    let changed = Instance {
        operation: instance.operation.clone().failed("because"),
        ..instance.clone()
    };
    assert_eq!(
        table.update_instance(&changed).await.expect("update"),
        WriteOutcome::Done
    );

    assert_eq!(
        table.update_instance(&instance).await.expect("update"),
        WriteOutcome::Conflict
    );
    assert_eq!(
        table.delete_instance(&instance).await.expect("delete"),
        WriteOutcome::Conflict
    );

    let stored = table
        .instance(&instance.id, now)
        .await
        .expect("read")
        .expect("an instance");
    assert_eq!(
        stored,
        Instance {
            version: 1,
            ..changed
        }
    );

    assert_eq!(
        table.delete_instance(&stored).await.expect("delete"),
        WriteOutcome::Done
    );
    assert_eq!(table.instance(&instance.id, now).await.expect("read"), None);
}

pub async fn expired_record_is_not_returned(table: &impl Records) {
    let now = System.now();
    let instance = Instance {
        expires_at: Some(now),
        ..instance()
    };
    assert_eq!(
        table.insert_instance(&instance, now).await.expect("insert"),
        None
    );
    let before = now - SignedDuration::from_secs(1);
    assert_eq!(
        table.instance(&instance.id, before).await.expect("read"),
        Some(instance.clone())
    );
    assert_eq!(table.instance(&instance.id, now).await.expect("read"), None);
}

pub async fn tombstone_blocks_its_id_for_the_longest_request(table: &impl Records) {
    let now = System.now();
    let tombstone = Instance {
        expires_at: Some(now + INSTANCE_TOMBSTONE_LIFETIME),
        ..instance()
    };
    assert_eq!(
        table
            .insert_instance(&tombstone, now)
            .await
            .expect("insert"),
        None
    );

    let again = Instance {
        expires_at: None,
        ..tombstone.clone()
    };
    let just_before = now + LONGEST_REQUEST - SignedDuration::from_secs(1);
    assert_eq!(
        table
            .insert_instance(&again, just_before)
            .await
            .expect("insert")
            .as_ref(),
        Some(&tombstone)
    );

    assert_eq!(
        table
            .insert_instance(&again, now + LONGEST_REQUEST)
            .await
            .expect("insert"),
        Some(tombstone)
    );
    assert_eq!(
        table.instance(&again.id, now).await.expect("read"),
        Some(again)
    );
}

pub async fn binding_is_inserted_once_into_current_instance(table: &impl Records) {
    let (instance, now) = (instance(), System.now());
    let binding = binding(&instance);
    assert_eq!(
        table
            .insert_binding(&instance, &binding, now)
            .await
            .expect("insert"),
        BindingInsertion::InstanceChanged
    );

    assert_eq!(
        table.insert_instance(&instance, now).await.expect("insert"),
        None
    );
    assert_eq!(
        table
            .insert_binding(&instance, &binding, now)
            .await
            .expect("insert"),
        BindingInsertion::Done
    );

    let exists = BindingInsertion::Exists(Box::new(binding.clone()));
    assert_eq!(
        table
            .insert_binding(&instance, &binding, now)
            .await
            .expect("insert"),
        exists
    );

    assert_eq!(
        table.update_instance(&instance).await.expect("update"),
        WriteOutcome::Done
    );
    let another = Binding {
        id: BindingId::new("another").expect("an id"),
        ..binding
    };
    assert_eq!(
        table
            .insert_binding(&instance, &another, now)
            .await
            .expect("insert"),
        BindingInsertion::InstanceChanged
    );
}

pub async fn binding_is_read_with_its_instance_or_listed(table: &impl Records) {
    let (instance, now) = (instance(), System.now());
    assert_eq!(
        table.insert_instance(&instance, now).await.expect("insert"),
        None
    );
    let mut bindings: Vec<_> = (0..3).map(|_| binding(&instance)).collect();
    for binding in &bindings {
        assert_eq!(
            table
                .insert_binding(&instance, binding, now)
                .await
                .expect("insert"),
            BindingInsertion::Done
        );
    }

    let one = table
        .instance_and_binding(&instance.id, &bindings[1].id, now)
        .await
        .expect("read");
    assert_eq!(one, (Some(instance.clone()), Some(bindings[1].clone())));

    let unknown = BindingId::new("unknown").expect("an id");
    let none = table
        .instance_and_binding(&instance.id, &unknown, now)
        .await
        .expect("read");
    assert_eq!(none, (Some(instance.clone()), None));

    bindings.sort_by(|one, other| one.id.cmp(&other.id));
    assert_eq!(table.bindings(&instance.id).await.expect("read"), bindings);
}

async fn begin_deprovision(
    table: &impl Records,
    instance: &Instance,
    operation: &Operation,
) -> Option<Instance> {
    let service_id = &instance.attributes.service_id;
    table
        .begin_deprovision(&instance.id, service_id, operation)
        .await
        .expect("update")
}

pub async fn deprovision_begins_once_and_stops_new_bindings(table: &impl Records) {
    let (instance, now) = (instance(), System.now());
    let deprovision = || Operation::begin(OperationKind::Deprovision, System.uuid(), now);
    assert_eq!(
        begin_deprovision(table, &instance, &deprovision()).await,
        None
    );

    assert_eq!(
        table.insert_instance(&instance, now).await.expect("insert"),
        None
    );

    let first = deprovision();
    let previous_operation = Some(instance.operation.clone());
    let begun = Instance {
        operation: first.clone(),
        previous_operation,
        version: 1,
        ..instance.clone()
    };
    assert_eq!(
        begin_deprovision(table, &instance, &first).await,
        Some(begun.clone())
    );
    assert_eq!(
        begin_deprovision(table, &instance, &deprovision()).await,
        Some(begun.clone())
    );

    let late = table
        .insert_binding(&instance, &binding(&instance), now)
        .await
        .expect("insert");
    assert_eq!(late, BindingInsertion::InstanceChanged);

    // A deletion that has failed can be begun again, one that has succeeded cannot.
    let failed = Instance {
        operation: first.clone().failed("because"),
        ..begun
    };
    assert_eq!(
        table.update_instance(&failed).await.expect("update"),
        WriteOutcome::Done
    );

    let second = deprovision();
    let previous_operation = Some(failed.operation.clone());
    let begun = Instance {
        operation: second.clone(),
        previous_operation,
        version: 3,
        ..failed
    };
    assert_eq!(
        begin_deprovision(table, &instance, &second).await,
        Some(begun.clone())
    );

    let tombstone = Instance {
        operation: second.succeeded(),
        ..begun
    };
    assert_eq!(
        table.update_instance(&tombstone).await.expect("update"),
        WriteOutcome::Done
    );
    let tombstone = Instance {
        version: 4,
        ..tombstone
    };
    assert_eq!(
        begin_deprovision(table, &instance, &deprovision()).await,
        Some(tombstone)
    );
}

pub async fn deprovision_waits_for_a_running_update(table: &impl Records) {
    let now = System.now();
    let operation = Operation::begin(OperationKind::Update, System.uuid(), now);
    let updating = Instance {
        operation: operation.clone(),
        update: Some(attributes("another")),
        ..instance()
    };
    assert_eq!(
        table.insert_instance(&updating, now).await.expect("insert"),
        None
    );

    let deprovision = Operation::begin(OperationKind::Deprovision, System.uuid(), now);
    let refused = begin_deprovision(table, &updating, &deprovision).await;
    assert_eq!(refused, Some(updating.clone()));

    let failed = Instance {
        operation: operation.failed("because"),
        ..updating
    };
    assert_eq!(
        table.update_instance(&failed).await.expect("update"),
        WriteOutcome::Done
    );

    let begun = begin_deprovision(table, &failed, &deprovision)
        .await
        .expect("an instance");
    assert_eq!(
        (begun.operation, begun.previous_operation, begun.update),
        (deprovision, Some(failed.operation), None)
    );
}

pub async fn unbind_waits_for_a_running_binding(table: &impl Records) {
    let (instance, now) = (instance(), System.now());
    let binding = binding(&instance);
    let unbind = Operation::begin(OperationKind::Unbind, System.uuid(), now);
    let begin = async |operation: &Operation| {
        table
            .begin_unbind(&instance.id, &binding.id, &binding.service_id, operation)
            .await
            .expect("update")
    };

    assert_eq!(begin(&unbind).await, None);
    assert_eq!(
        table.insert_instance(&instance, now).await.expect("insert"),
        None
    );
    assert_eq!(
        table
            .insert_binding(&instance, &binding, now)
            .await
            .expect("insert"),
        BindingInsertion::Done
    );
    assert_eq!(begin(&unbind).await, Some(binding.clone()));

    let later = Operation {
        started_at: now + SignedDuration::from_secs(30),
        ..unbind
    };
    let previous_operation = Some(binding.operation.clone());
    let unbinding = Binding {
        operation: later.clone(),
        previous_operation,
        version: 1,
        ..binding.clone()
    };
    assert_eq!(begin(&later).await, Some(unbinding.clone()));

    // Sent again, it is the same operation.
    let again = Operation::begin(OperationKind::Unbind, System.uuid(), later.started_at);
    assert_eq!(begin(&again).await, Some(unbinding.clone()));
    assert_eq!(
        table.update_binding(&binding).await.expect("update"),
        WriteOutcome::Conflict
    );

    // One that has failed can be begun again.
    let failed = Binding {
        operation: later.failed("because"),
        ..unbinding
    };
    assert_eq!(
        table.update_binding(&failed).await.expect("update"),
        WriteOutcome::Done
    );
    let previous_operation = Some(failed.operation.clone());
    assert_eq!(
        begin(&again).await,
        Some(Binding {
            operation: again,
            previous_operation,
            version: 3,
            ..failed
        })
    );
}

pub async fn binding_tombstone_blocks_its_id_for_the_longest_request(table: &impl Records) {
    let (instance, now) = (instance(), System.now());
    let operation = Operation::begin(OperationKind::Unbind, System.uuid(), now).succeeded();
    let tombstone = Binding {
        operation,
        expires_at: Some(now + BINDING_TOMBSTONE_LIFETIME),
        ..binding(&instance)
    };

    assert_eq!(
        table.insert_instance(&instance, now).await.expect("insert"),
        None
    );
    assert_eq!(
        table
            .insert_binding(&instance, &tombstone, now)
            .await
            .expect("insert"),
        BindingInsertion::Done
    );

    let exists = BindingInsertion::Exists(Box::new(tombstone.clone()));
    assert_eq!(
        table
            .insert_binding(&instance, &tombstone, now)
            .await
            .expect("insert"),
        exists
    );

    let (_, read) = table
        .instance_and_binding(&instance.id, &tombstone.id, now)
        .await
        .expect("read");
    assert_eq!(read, Some(tombstone.clone()));
    let expired = now + BINDING_TOMBSTONE_LIFETIME;
    let (_, read) = table
        .instance_and_binding(&instance.id, &tombstone.id, expired)
        .await
        .expect("read");
    assert_eq!(read, None);

    let later = now + LONGEST_REQUEST;
    assert_eq!(
        table
            .insert_binding(&instance, &tombstone, later)
            .await
            .expect("insert"),
        BindingInsertion::Done
    );
}

pub async fn second_of_two_identical_writes_conflicts(table: &impl Records) {
    let (instance, now) = (instance(), System.now());
    assert_eq!(
        table.insert_instance(&instance, now).await.expect("insert"),
        None
    );
    assert_eq!(
        table.update_instance(&instance).await.expect("update"),
        WriteOutcome::Done
    );
    assert_eq!(
        table.update_instance(&instance).await.expect("update"),
        WriteOutcome::Conflict
    );
}

pub async fn deletion_of_another_operations_record_conflicts(table: &impl Records) {
    let (instance, now) = (instance(), System.now());
    assert_eq!(
        table.insert_instance(&instance, now).await.expect("insert"),
        None
    );

    let operation = Operation::begin(OperationKind::Provision, System.uuid(), now);
    let other = Instance {
        operation,
        ..instance.clone()
    };
    assert_eq!(
        table.delete_instance(&other).await.expect("delete"),
        WriteOutcome::Conflict
    );

    assert_eq!(
        table.delete_instance(&instance).await.expect("delete"),
        WriteOutcome::Done
    );
    assert_eq!(
        table.delete_instance(&instance).await.expect("delete"),
        WriteOutcome::Done
    );
}

pub async fn parallel_binding_inserts_all_succeed(table: &impl Records) {
    let (instance, now) = (instance(), System.now());
    assert_eq!(
        table.insert_instance(&instance, now).await.expect("insert"),
        None
    );
    let bindings: Vec<_> = (0..4).map(|_| binding(&instance)).collect();
    let [a, b, c, d] =
        [0, 1, 2, 3].map(|index| table.insert_binding(&instance, &bindings[index], now));
    let (a, b, c, d) = tokio::join!(a, b, c, d);
    for inserted in [a, b, c, d] {
        assert_eq!(inserted.expect("insert"), BindingInsertion::Done);
    }
}

pub async fn scan_finds_every_record(table: &impl Records) {
    let (instance, now) = (instance(), System.now());
    let binding = binding(&instance);
    assert_eq!(
        table.insert_instance(&instance, now).await.expect("insert"),
        None
    );
    assert_eq!(
        table
            .insert_binding(&instance, &binding, now)
            .await
            .expect("insert"),
        BindingInsertion::Done
    );

    let (mut instances, mut bindings) = (Vec::new(), Vec::new());
    for record in all(async |next| table.page(next).await).await {
        match record {
            ScannedRecord::Instance(found) if found.id == instance.id => instances.push(*found),
            ScannedRecord::Binding(found) if found.id == binding.id => bindings.push(*found),
            _ => {}
        }
    }

    assert_eq!((instances, bindings), (vec![instance], vec![binding]));
}

pub async fn deletion_for_another_service_changes_nothing(table: &impl Records) {
    let (instance, now) = (instance(), System.now());
    let binding = binding(&instance);
    assert_eq!(
        table.insert_instance(&instance, now).await.expect("insert"),
        None
    );
    assert_eq!(
        table
            .insert_binding(&instance, &binding, now)
            .await
            .expect("insert"),
        BindingInsertion::Done
    );

    let late = now + SignedDuration::from_secs(60);
    let unbind = Operation::begin(OperationKind::Unbind, System.uuid(), late);
    let missed = table
        .begin_unbind(&instance.id, &binding.id, "another", &unbind)
        .await
        .expect("update");
    assert_eq!(missed, Some(binding));

    let operation = Operation::begin(OperationKind::Deprovision, System.uuid(), now);
    let missed = table
        .begin_deprovision(&instance.id, "another", &operation)
        .await
        .expect("update");
    assert_eq!(missed, Some(instance));
}

pub async fn refused_users_are_remembered_for_a_day(table: &impl Records) {
    let (instance, now) = (instance(), System.now());
    let users = ["one", "two", "three"].map(|user| Requester::new("kubernetes", user));
    assert_eq!(
        table.insert_instance(&instance, now).await.expect("insert"),
        None
    );
    for user in &users[..2] {
        table
            .remember_refused(&instance.id, &Refused::new(user.clone(), now))
            .await
            .expect("insert");
    }

    let is_refused = async |user: &Requester, hours: i64| {
        let at = now + SignedDuration::from_hours(hours);
        table
            .is_refused(&instance.id, user, at)
            .await
            .expect("read")
    };
    for (user, refused) in [(&users[0], true), (&users[1], true), (&users[2], false)] {
        assert_eq!(is_refused(user, 23).await, refused);
        assert!(!is_refused(user, 24).await);
    }

    // Until the user changes the instance.
    table
        .forget_refused(&instance.id, &users[0])
        .await
        .expect("delete");
    table
        .forget_refused(&instance.id, &users[2])
        .await
        .expect("nothing to delete");
    assert!(!is_refused(&users[0], 1).await && is_refused(&users[1], 1).await);

    // Neither the record nor a list of records shows it.
    assert_eq!(
        table
            .instance(&instance.id, now)
            .await
            .expect("read")
            .as_ref(),
        Some(&instance)
    );
    let found = all(async |next| table.page(next).await).await;
    let is_its = |record: &ScannedRecord| match record {
        ScannedRecord::Unreadable(record) => record.key.contains(instance.id.as_str()),
        _ => false,
    };
    assert!(!found.iter().any(is_its), "{found:?}");
}

pub async fn tombstone_reserves_its_id_for_its_space(table: &impl Records) {
    let now = System.now();
    let tombstone = Instance {
        expires_at: Some(now + INSTANCE_TOMBSTONE_LIFETIME),
        ..instance()
    };
    assert_eq!(
        table
            .insert_instance(&tombstone, now)
            .await
            .expect("insert"),
        None
    );

    let years_later = now + SignedDuration::from_hours(9 * 365 * 24);
    let (mut other_space, mut other_organization) = (tombstone.clone(), tombstone.clone());
    other_space.attributes.space_guid = non_empty("another");
    other_organization.attributes.organization_guid = non_empty("another");
    for other in [other_space, other_organization] {
        assert_eq!(
            table
                .insert_instance(&other, years_later)
                .await
                .expect("insert"),
            Some(tombstone.clone())
        );
    }

    let again = Instance {
        expires_at: None,
        ..tombstone.clone()
    };
    assert_eq!(
        table
            .insert_instance(&again, years_later)
            .await
            .expect("insert"),
        Some(tombstone)
    );
    assert_eq!(
        table.instance(&again.id, now).await.expect("read"),
        Some(again)
    );
}

pub async fn instance_count_excludes_tombstones(table: &impl Records) {
    let (now, organization) = (System.now(), unique());
    let of_organization = || {
        let mut instance = instance();
        instance.attributes.organization_guid = non_empty(&organization);
        instance.attributes.context = Json::default();
        instance
    };

    // The index of a table may lag behind it.
    let count = async |expected: usize| {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while table.count_instances(&organization).await.expect("count") != expected {
            assert!(tokio::time::Instant::now() < deadline, "never {expected}");
            tokio::task::yield_now().await;
        }
    };

    count(0).await;
    let (one, other) = (of_organization(), of_organization());
    for instance in [&one, &other, &instance()] {
        assert_eq!(
            table.insert_instance(instance, now).await.expect("insert"),
            None
        );
    }
    count(2).await;

    let deprovision = Operation::begin(OperationKind::Deprovision, System.uuid(), now);
    let begun = begin_deprovision(table, &one, &deprovision)
        .await
        .expect("an instance");
    count(2).await;

    let tombstone = Instance {
        operation: deprovision.succeeded(),
        ..begun
    };
    assert_eq!(
        table.update_instance(&tombstone).await.expect("update"),
        WriteOutcome::Done
    );
    count(1).await;
}
