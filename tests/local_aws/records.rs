use aws_sdk_dynamodb::types::AttributeValue;
use aws_service_broker::{
    aws::{DynamoDb, System},
    broker::{
        ports::{BindingInsertion, Environment, PortErrorKind, Records},
        records::{Instance, Operation, OperationKind},
    },
};
use jiff::SignedDuration;

use crate::{
    aws::{Calls, settings},
    contract::{
        self,
        records::{binding, instance},
    },
};

async fn table() -> DynamoDb {
    DynamoDb::new(&Calls::default().config().await, settings().table_name)
}

contract::records::tests!(table().await);

#[tokio::test]
async fn missing_table_is_a_resource_not_found_error() {
    let table = DynamoDb::new(&Calls::default().config().await, "no-such-table");
    let error = table
        .instance(&instance().id, System.now())
        .await
        .expect_err("no table")
        .to_string();
    assert!(
        error.starts_with("DynamoDB GetItem: ResourceNotFoundException"),
        "{error}"
    );
}

#[tokio::test]
async fn item_of_unknown_schema_is_not_modified() {
    for schema in ["0", "4"] {
        assert_unreadable(schema).await;
    }
}

async fn assert_unreadable(schema: &str) {
    let (table, instance, now) = (table().await, instance(), System.now());
    assert_eq!(
        table.insert_instance(&instance, now).await.expect("insert"),
        None
    );
    let binding = binding(&instance);
    assert_eq!(
        table
            .insert_binding(&instance, &binding, now)
            .await
            .expect("insert"),
        BindingInsertion::Done
    );
    let client = aws_sdk_dynamodb::Client::new(&Calls::default().config().await);
    let reshape = async |sk: String| {
        let update = client
            .update_item()
            .table_name(settings().table_name)
            .update_expression("SET #schema = :shape");
        let update = update.key("pk", AttributeValue::S(format!("INSTANCE#{}", instance.id)));
        let update = update
            .key("sk", AttributeValue::S(sk))
            .expression_attribute_names("#schema", "schema");
        update
            .expression_attribute_values(":shape", AttributeValue::N(schema.into()))
            .send()
            .await
            .expect("an update");
    };
    reshape("META".into()).await;
    reshape(format!("BINDING#{}", binding.id)).await;

    let deprovision = Operation::begin(OperationKind::Deprovision, System.uuid(), now);
    let unbind = Operation::begin(
        OperationKind::Unbind,
        System.uuid(),
        now + SignedDuration::from_hours(1),
    );
    let service_id = &*instance.attributes.service_id;
    let errors = [
        table.instance(&instance.id, now).await.map(drop),
        table.insert_instance(&instance, now).await.map(drop),
        table
            .begin_deprovision(&instance.id, service_id, &deprovision)
            .await
            .map(drop),
        table
            .begin_unbind(&instance.id, &binding.id, &binding.service_id, &unbind)
            .await
            .map(drop),
    ];
    for error in errors {
        assert_eq!(
            error.expect_err("not readable").kind,
            PortErrorKind::Corrupt
        );
    }
    assert_unchanged(&client, &instance).await;
}

async fn assert_unchanged(client: &aws_sdk_dynamodb::Client, instance: &Instance) {
    let query = client
        .query()
        .table_name(settings().table_name)
        .key_condition_expression("pk = :pk");
    let query = query.expression_attribute_values(
        ":pk",
        AttributeValue::S(format!("INSTANCE#{}", instance.id)),
    );
    let items = query
        .consistent_read(true)
        .send()
        .await
        .expect("items")
        .items
        .expect("items");
    assert_eq!(items.len(), 2);
    assert!(
        items
            .iter()
            .all(|item| item["version"] == AttributeValue::N("0".into())),
        "{items:?}"
    );
}
