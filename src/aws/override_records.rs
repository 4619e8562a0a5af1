//! [`OverrideRecords`] with DynamoDB: the partition `OVERRIDES` of the broker's table.
//!
//! | `pk`        | `sk`                                     | holds                                  |
//! |-------------|------------------------------------------|----------------------------------------|
//! | `OVERRIDES` | parameter, organization, space, service | `parameter`, `value`, parts of the scope |

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use catalog::Override;

use super::{error::Service, records::DynamoDb};
use crate::broker::ports::{OverrideRecords, PortResult};

const SERVICE: Service = Service("DynamoDB");

/// The partition that holds all overrides.
pub const OVERRIDES: &str = "OVERRIDES";

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
