//! [`OverrideRecords`] with DynamoDB: the partition `OVERRIDES` of the broker's table.
//!
//! | `pk`        | `sk`            | holds                                                 |
//! |-------------|-----------------|-------------------------------------------------------|
//! | `OVERRIDES` | `Override::key` | `parameter`, `value` or `limit`, parts of the scope   |

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use catalog::{OVERRIDES, Override};

use super::{error::Service, records::DynamoDb};
use crate::broker::ports::{OverrideRecords, PortResult};

const SERVICE: Service = Service("DynamoDB");

#[async_trait]
impl OverrideRecords for DynamoDb {
    async fn all(&self) -> PortResult<Vec<Override>> {
        let mut pages = self
            .client()
            .query()
            .table_name(self.table())
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(OVERRIDES.into()))
            .into_paginator()
            .items()
            .send();

        let mut overrides = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(SERVICE.failed("Query"))?;
            let read = serde_dynamo::from_item(item);
            overrides.push(read.map_err(|error| SERVICE.unreadable(error))?);
        }
        Ok(overrides)
    }
}
