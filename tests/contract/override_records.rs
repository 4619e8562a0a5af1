//! [`OverrideRecords`]

use aws_service_broker::broker::ports::OverrideRecords;
use catalog::{LimitText, Override, ParameterLimit, Scope, Setting};

use super::unique;

macro_rules! tests {
    ($new:expr) => {
        crate::contract::promises! { override_records, $new;
            overrides_that_are_set_are_read
        }
    };
}
pub(crate) use tests;

/// Overrides, and a way to set one.
pub trait SettingOverrides: OverrideRecords {
    /// Sets the override, as the operator's command line does.
    async fn set(&self, it: &Override);
}

pub async fn overrides_that_are_set_are_read(records: &impl SettingOverrides) {
    let space = unique();
    let of_service = |service: Option<&str>, value: &str| Override {
        scope: Scope {
            organization: Some("an-organization".into()),
            space: Some(space.clone()),
            service: service.map(str::to_owned),
        },
        parameter: "DelaySeconds".into(),
        setting: Setting::Value(value.into()),
    };
    let limit = Override {
        setting: Setting::Limit(LimitText(ParameterLimit {
            max_value: Some(serde_json::Number::from_f64(1.0).expect("a number")),
            ..ParameterLimit::default()
        })),
        ..of_service(None, "")
    };
    let (one, two, empty) = (
        of_service(None, "5"),
        of_service(Some("sqs"), "6"),
        of_service(Some("sns"), ""),
    );
    records.set(&of_service(None, "4")).await;
    for it in [&one, &two, &empty, &limit] {
        records.set(it).await;
    }

    let mut read = records.all().await.expect("overrides");
    read.retain(|it| it.scope.space.as_ref() == Some(&space));
    read.sort();
    let mut expected = vec![one, two, empty, limit];
    expected.sort();
    assert_eq!(read, expected, "a second value replaces the first one");
}
