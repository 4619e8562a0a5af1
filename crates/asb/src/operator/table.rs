//! Access to the broker's table with the operator's credentials.

use std::collections::HashMap;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::{Client, types::AttributeValue};
use catalog::{OVERRIDES, Overrides};

use super::changes::Change;

type Item = HashMap<String, AttributeValue>;

/// The broker's table.
pub struct Table {
    client: Client,
    name: String,
}

impl Table {
    /// Creates a client for the table. The environment provides the credentials and the Region.
    pub async fn open(name: String) -> Self {
        let config = aws_config::load_from_env().await;
        Self {
            client: Client::new(&config),
            name,
        }
    }

    /// Reads all overrides.
    pub async fn overrides(&self) -> Result<Overrides> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(OVERRIDES))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();

        let mut overrides = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.with_context(|| format!("cannot read the table {}", self.name))?;
            overrides.push(serde_dynamo::from_item(item).context("an override is unreadable")?);
        }
        Ok(Overrides::new(overrides))
    }

    /// Writes the change to the table.
    pub async fn apply(&self, change: &Change) -> Result<()> {
        let done = match change {
            Change::Set(it, _) => {
                let mut item: Item = serde_dynamo::to_item(it)?;
                item.extend(key(it.key()));
                let put = self.client.put_item().table_name(&self.name);
                put.set_item(Some(item))
                    .send()
                    .await
                    .map(drop)
                    .map_err(anyhow::Error::from)
            }
            Change::Rm(it) => {
                let delete = self.client.delete_item().table_name(&self.name);
                let delete = delete.set_key(Some(key(it.key())));
                delete.send().await.map(drop).map_err(anyhow::Error::from)
            }
        };

        done.with_context(|| format!("cannot write to the table {}", self.name))
    }
}

fn key(sort_key: String) -> Item {
    HashMap::from([
        ("pk".to_owned(), text(OVERRIDES)),
        ("sk".to_owned(), AttributeValue::S(sort_key)),
    ])
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}
