use aws_service_broker::broker::ports::PortErrorKind::{Denied, Throttled, Unavailable};
use axum::{body::Body, http::Request};
use jiff::SignedDuration;

use crate::support::{Answer, Client, Fault, basic};

async fn catalog_with(client: &Client, authorization: Option<&str>) -> Answer {
    let request = Request::builder()
        .uri("/v2/catalog")
        .header("x-broker-api-version", "2.17");
    let request = match authorization {
        Some(value) => request.header("authorization", value),
        None => request,
    };
    client
        .send(request.body(Body::empty()).expect("a request"))
        .await
}

#[tokio::test]
async fn wrong_credentials_always_get_401() {
    let client = Client::new();
    let wrong = basic("broker", "wrong");
    let other_user = basic("mallory", "local-only-password");
    let swapped = basic("local-only-password", "broker");
    for authorization in [
        None,
        Some(""),
        Some("Basic"),
        Some("Basic !"),
        Some("Bearer x"),
        Some(&*wrong),
        Some(&*other_user),
        Some(&*swapped),
    ] {
        let answer = catalog_with(&client, authorization).await.expect(401);
        assert!(answer.headers.contains_key("www-authenticate"));
        let is_told = answer.description().contains("is wrong");
        let has_pair = [&wrong, &other_user, &swapped]
            .iter()
            .any(|pair| authorization == Some(&**pair));
        assert_eq!(
            is_told,
            has_pair,
            "{authorization:?}: {}",
            answer.description()
        );
    }
    // Also where the path, the method, the version or the body would be wrong.
    for (method, path) in [
        ("GET", "/"),
        ("POST", "/v2/catalog"),
        ("PUT", "/v2/service_instances/x"),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::from("{"))
            .expect("a request");
        client.send(request).await.expect(401);
    }
}

#[tokio::test]
async fn repeated_guesses_read_secret_once() {
    let client = Client::new();
    for guess in 0..20 {
        catalog_with(&client, Some(&basic("broker", &guess.to_string())))
            .await
            .expect(401);
    }
    assert_eq!(client.world.take_calls(), ["platform_secrets.read"]);
}

#[tokio::test]
async fn new_password_replaces_old_after_ten_seconds() {
    let client = Client::new();
    let (old, new) = (
        basic("broker", "local-only-password"),
        basic("broker", "new"),
    );
    catalog_with(&client, Some(&old)).await.expect(200);
    client.world.set_platform_secrets(&[("broker", "new")]);
    catalog_with(&client, Some(&new)).await.expect(401);
    client.world.let_time_pass(SignedDuration::from_secs(10));
    catalog_with(&client, Some(&old)).await.expect(200);
    catalog_with(&client, Some(&new)).await.expect(200);
    catalog_with(&client, Some(&old)).await.expect(401);
}

#[tokio::test]
async fn withdrawn_password_stops_working_after_five_minutes() {
    let client = Client::new();
    let old = basic("broker", "local-only-password");
    catalog_with(&client, Some(&old)).await.expect(200);
    client.world.set_platform_secrets(&[("broker", "new")]);
    client.world.let_time_pass(SignedDuration::from_secs(300));
    catalog_with(&client, Some(&old)).await.expect(401);
}

#[tokio::test]
async fn denied_secret_read_is_an_internal_error() {
    let client = Client::new();
    client
        .world
        .inject("platform_secrets.read", Fault::Before(Denied));
    let answer = catalog_with(&client, Some(&basic("broker", "local-only-password")))
        .await
        .expect(500);
    assert!(
        answer.description().contains("denied the broker access"),
        "{}",
        answer.description()
    );
}

#[tokio::test]
async fn repeated_guesses_read_unreadable_secret_once() {
    for kind in [Denied, Throttled, Unavailable] {
        let client = Client::new();
        client
            .world
            .inject("platform_secrets.read", Fault::Before(kind));
        for guess in 0..20 {
            let answer = catalog_with(&client, Some(&basic("broker", &guess.to_string()))).await;
            assert!(answer.status.is_server_error(), "{answer:?}");
        }
        assert_eq!(
            client.world.take_calls(),
            ["platform_secrets.read"],
            "{kind:?}"
        );

        client.world.let_time_pass(SignedDuration::from_secs(10));
        catalog_with(&client, Some(&basic("broker", "local-only-password")))
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn known_credentials_work_during_secret_outage() {
    let client = Client::new();
    let (known, guess) = (
        basic("broker", "local-only-password"),
        basic("broker", "guess"),
    );
    catalog_with(&client, Some(&known)).await.expect(200);
    for minutes in [6, 59] {
        client
            .world
            .let_time_pass(SignedDuration::from_mins(minutes) - SignedDuration::from_secs(1));
        client
            .world
            .inject("platform_secrets.read", Fault::Before(Unavailable));
        catalog_with(&client, Some(&guess)).await.expect(503);
        let answer = catalog_with(&client, Some(&known)).await;
        assert_eq!(
            answer.status,
            if minutes == 6 { 200 } else { 503 },
            "{answer:?}"
        );
    }
    client.world.let_time_pass(SignedDuration::from_secs(10));
    catalog_with(&client, Some(&known)).await.expect(200);
}

#[tokio::test]
async fn known_credentials_expire_after_one_hour_of_outage() {
    let known = basic("broker", "local-only-password");
    for (seconds, status) in [(3_599, 200), (3_600, 503)] {
        let client = Client::new();
        catalog_with(&client, Some(&known)).await.expect(200);
        client
            .world
            .let_time_pass(SignedDuration::from_secs(seconds));
        client
            .world
            .inject("platform_secrets.read", Fault::Before(Unavailable));
        catalog_with(&client, Some(&known)).await.expect(status);
    }
}

/// After a rotation to the same value, and in a secret that somebody has written twice.
#[tokio::test]
async fn duplicated_credentials_are_accepted() {
    let client = Client::new();
    client
        .world
        .set_platform_secrets(&[("broker", "same"), ("broker", "same")]);
    catalog_with(&client, Some(&basic("broker", "same")))
        .await
        .expect(200);
}

#[tokio::test]
async fn known_credentials_fail_if_secret_read_is_denied() {
    let client = Client::new();
    let known = basic("broker", "local-only-password");
    catalog_with(&client, Some(&known)).await.expect(200);
    client.world.let_time_pass(SignedDuration::from_mins(5));
    client
        .world
        .inject("platform_secrets.read", Fault::Before(Denied));
    catalog_with(&client, Some(&known)).await.expect(500);
}
