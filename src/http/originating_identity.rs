//! `X-Broker-API-Originating-Identity`: the platform's user behind a request (OSBAPI, Originating
//! Identity).
//!
//! Any request may lack it: Cloud Foundry's orphan mitigation has no user.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, request::Parts},
};
use base64::{Engine, prelude::BASE64_STANDARD};

use crate::{broker::records::Requester, osb::Object};

static HEADER: HeaderName = HeaderName::from_static("x-broker-api-originating-identity");
/// The keys with which platforms identify a user. Kubernetes also sends groups and more, which no
/// log line needs.
const USER: [&str; 3] = ["user_id", "username", "uid"];

/// The platform and the user behind a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct OriginatingIdentity {
    /// The platform's name, such as `cloudfoundry` or `kubernetes`.
    pub platform: Option<String>,
    /// The user's id or name on the platform. The whole value if it has none of the known keys.
    pub user: Option<String>,
    /// The reason why the header cannot be read; absent if it can, or if there is none.
    pub mistake: Option<&'static str>,
}

/// The platform's user behind a request; `None` if the platform does not name one.
pub struct RequestedBy(pub Option<Requester>);

impl<S: Sync> FromRequestParts<S> for RequestedBy {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let identity = of(&parts.headers);
        let (platform, user) = (identity.platform.as_deref(), identity.user.as_deref());
        Ok(Self(
            platform
                .zip(user)
                .map(|(platform, user)| Requester::new(platform, user)),
        ))
    }
}

/// Returns the identity that the platform sent, or the mistake in it. A mistake never fails the
/// request.
pub fn of(headers: &HeaderMap) -> OriginatingIdentity {
    let Some(header) = headers.get(&HEADER) else {
        return OriginatingIdentity::default();
    };

    let Some((platform, value)) = header
        .to_str()
        .ok()
        .and_then(|text| text.trim().split_once(' '))
    else {
        return unreadable(
            None,
            "the header does not consist of a platform and a value",
        );
    };
    let Ok(json) = BASE64_STANDARD.decode(value.trim()) else {
        return unreadable(Some(platform), "the value is not Base64");
    };
    let Ok(value) = serde_json::from_slice::<Object>(&json) else {
        return unreadable(Some(platform), "the value is not a JSON object");
    };

    let user = USER
        .iter()
        .find_map(|key| value.get(*key)?.as_str())
        .map(str::to_owned);
    let user = user.unwrap_or_else(|| serde_json::Value::Object(value).to_string());

    OriginatingIdentity {
        platform: Some(platform.to_owned()),
        user: Some(user),
        mistake: None,
    }
}

fn unreadable(platform: Option<&str>, mistake: &'static str) -> OriginatingIdentity {
    OriginatingIdentity {
        platform: platform.map(str::to_owned),
        user: None,
        mistake: Some(mistake),
    }
}
