//! The twin of KMS.

use super::*;

/// So that what is sealed cannot be read.
pub(super) const MASK: u8 = 0x55;

#[async_trait]
impl Vault for World {
    async fn seal(&self, purpose: &Purpose<'_>, plain: &SecretString) -> PortResult<Sealed> {
        self.call("vault.seal", |_| {
            let text = format!("{purpose:?}|{}", plain.expose_secret());
            Sealed(BASE64_STANDARD.encode(text.bytes().map(|byte| byte ^ MASK).collect::<Vec<_>>()))
        })
        .await
    }

    async fn open(&self, purpose: &Purpose<'_>, sealed: &Sealed) -> PortResult<SecretString> {
        self.call("vault.open", |_| {
            // What KMS says of a text that was changed, or that was sealed for another purpose.
            let detail = "InvalidCiphertextException: no message".into();
            let invalid = PortError {
                service: "KMS",
                action: "Decrypt",
                kind: PortErrorKind::Unexpected,
                detail,
            };

            let bytes = BASE64_STANDARD
                .decode(&sealed.0)
                .map_err(|_| invalid.clone())?;
            let text = String::from_utf8(bytes.into_iter().map(|byte| byte ^ MASK).collect());
            let text = text.map_err(|_| invalid.clone())?;

            text.strip_prefix(&format!("{purpose:?}|"))
                .map(SecretString::from)
                .ok_or(invalid)
        })
        .await?
    }
}
