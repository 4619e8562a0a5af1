//! [`Resources`] with the Resource Groups Tagging API.

use std::{collections::BTreeMap, sync::OnceLock};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_resourcegroupstagging::{
    Client,
    types::{ResourceTagMapping, Tag, TagFilter},
};

use super::error::Service;
use crate::broker::{
    ports::{Page, PortResult, Resources, StackResource},
    records::INSTANCE_ID_TAG,
};

const SERVICE: Service = Service("Resource Groups Tagging");
/// The tag in which CloudFormation names the stack that created a resource.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-resource-tags.html>
const STACK_NAME_TAG: &str = "aws:cloudformation:stack-name";

/// The account's tagged resources in one Region.
pub struct Tagging {
    config: SdkConfig,
    client: OnceLock<Client>,
}

impl Tagging {
    /// Creates the adapter with the SDK's settings.
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            config: config.clone(),
            client: OnceLock::new(),
        }
    }
}

#[async_trait]
impl Resources for Tagging {
    async fn page(&self, next: Option<String>) -> PortResult<Page<StackResource>> {
        let client = self.client.get_or_init(|| Client::new(&self.config));
        let of_instances = TagFilter::builder().key(INSTANCE_ID_TAG).build();

        let page = client
            .get_resources()
            .tag_filters(of_instances)
            .set_pagination_token(next)
            .send()
            .await;
        let page = page.map_err(SERVICE.failed("GetResources"))?;

        let resources = page
            .resource_tag_mapping_list
            .unwrap_or_default()
            .into_iter()
            .filter_map(resource);
        // The last page has an empty token.
        Ok(Page {
            items: resources.collect(),
            next: page.pagination_token.filter(|token| !token.is_empty()),
        })
    }

    async fn tags(&self, arn: &str) -> PortResult<BTreeMap<String, String>> {
        let client = self.client.get_or_init(|| Client::new(&self.config));
        let found = client.get_resources().resource_arn_list(arn).send().await;
        let found = found.map_err(SERVICE.failed("GetResources"))?;

        let tags = found
            .resource_tag_mapping_list
            .unwrap_or_default()
            .into_iter()
            .filter(|resource| resource.resource_arn.as_deref() == Some(arn))
            .flat_map(|resource| resource.tags.unwrap_or_default());
        Ok(tags.map(|tag| (tag.key, tag.value)).collect())
    }
}

/// Converts a tagged resource; `None` if CloudFormation did not create it.
fn resource(tagged: ResourceTagMapping) -> Option<StackResource> {
    let tags = tagged.tags.unwrap_or_default();
    Some(StackResource {
        arn: tagged.resource_arn?,
        stack_name: tag_value(&tags, STACK_NAME_TAG)?,
        instance_id: tag_value(&tags, INSTANCE_ID_TAG)?,
    })
}

fn tag_value(tags: &[Tag], key: &str) -> Option<String> {
    tags.iter()
        .find(|tag| tag.key == key)
        .map(|tag| tag.value.clone())
}
