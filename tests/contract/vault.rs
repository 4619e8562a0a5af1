//! [`Vault`]

use aws_service_broker::broker::{
    ports::{PortErrorKind, Vault},
    records::{BindingId, InstanceId, Purpose, Sealed},
};
use secrecy::{ExposeSecret, SecretString};

macro_rules! tests {
    ($new:expr) => {
        crate::contract::promises! { vault, $new; sealed_secret_opens_only_for_its_purpose }
    };
}
pub(crate) use tests;

pub async fn sealed_secret_opens_only_for_its_purpose(vault: &impl Vault) {
    let instance_id = InstanceId::new("an-instance").expect("an id");
    let [one, two] = ["one", "two"].map(|id| BindingId::new(id).expect("an id"));
    let purpose = Purpose {
        instance_id: &instance_id,
        binding_id: Some(&one),
    };

    let sealed = vault
        .seal(&purpose, &SecretString::from("a secret"))
        .await
        .expect("seal");
    assert!(!sealed.0.contains("a secret"));
    assert_eq!(
        vault
            .open(&purpose, &sealed)
            .await
            .expect("open")
            .expose_secret(),
        "a secret"
    );

    let changed = Sealed(sealed.0.chars().rev().collect());
    vault
        .open(&purpose, &changed)
        .await
        .expect_err("it was changed");

    for other in [
        Purpose {
            binding_id: Some(&two),
            ..purpose
        },
        Purpose {
            binding_id: None,
            ..purpose
        },
    ] {
        let error = vault
            .open(&other, &sealed)
            .await
            .expect_err("another purpose");
        assert_eq!(error.kind, PortErrorKind::Unexpected, "{error}");
    }
}
