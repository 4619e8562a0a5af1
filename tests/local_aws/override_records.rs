use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_service_broker::{
    aws::DynamoDb,
    broker::ports::{OverrideRecords, PortResult, Records},
};
use catalog::{Override, Scope, Setting};

use crate::{
    aws::{Calls, settings},
    contract::{self, all, override_records::SettingOverrides, unique},
};

/// The adapter, and the client of the operator's command line.
struct Set {
    table: DynamoDb,
    client: aws_sdk_dynamodb::Client,
}

impl Set {
    async fn new() -> Self {
        let config = Calls::default().config().await;
        Self {
            table: DynamoDb::new(&config, settings().table_name),
            client: aws_sdk_dynamodb::Client::new(&config),
        }
    }
}

#[async_trait]
impl OverrideRecords for Set {
    async fn all(&self) -> PortResult<Vec<Override>> {
        self.table.all().await
    }
}

impl SettingOverrides for Set {
    async fn set(&self, it: &Override) {
        let mut item: std::collections::HashMap<_, _> = serde_dynamo::to_item(it).expect("an item");
        item.insert("pk".into(), AttributeValue::S("OVERRIDES".into()));
        item.insert("sk".into(), AttributeValue::S(it.key()));
        let put = self.client.put_item().table_name(settings().table_name);
        put.set_item(Some(item)).send().await.expect("put");
    }
}

contract::override_records::tests!(Set::new().await);

#[tokio::test]
async fn scan_of_the_records_leaves_out_overrides() {
    let set = Set::new().await;
    let it = Override {
        scope: Scope::default(),
        parameter: unique(),
        setting: Setting::Value("x".into()),
    };
    set.set(&it).await;
    let records = all(async |next| set.table.page(next).await).await;
    assert!(!format!("{records:?}").contains(&it.parameter));
}
