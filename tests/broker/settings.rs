use aws_service_broker::settings::Settings;

fn variable(name: &str) -> Option<String> {
    Some(match name {
        "DEPLOY_ROLE_ARN" => "arn:aws-cn:iam::123456789012:role/deploy".into(),
        name => format!("the {name}"),
    })
}

#[test]
fn the_partition_is_that_of_the_deploy_role() {
    let settings = Settings::read(variable).expect("all are set");
    assert_eq!(settings.partition(), "aws-cn");
    assert_eq!(settings.table_name, "the TABLE_NAME");
}

#[test]
fn a_missing_or_empty_setting_is_named() {
    for value in [None, Some(String::new())] {
        let without = |name: &str| if name == "KEY_ARN" { value.clone() } else { variable(name) };
        let error = Settings::read(without).expect_err("KEY_ARN is not set").to_string();
        assert!(error.contains("KEY_ARN") && error.contains("infra/template.yaml"), "{error}");
    }
}
