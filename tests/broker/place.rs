use aws_service_broker::broker::Place;

#[test]
fn each_partition_has_its_own_domains() {
    for (partition, url_suffix, console) in [
        ("aws", "amazonaws.com", Some("console.aws.amazon.com")),
        ("aws-cn", "amazonaws.com.cn", Some("console.amazonaws.cn")),
        (
            "aws-us-gov",
            "amazonaws.com",
            Some("console.amazonaws-us-gov.com"),
        ),
        (
            "aws-eusc",
            "amazonaws.eu",
            Some("console.amazonaws-eusc.eu"),
        ),
        ("aws-iso", "c2s.ic.gov", None),
        ("aws-iso-b", "sc2s.sgov.gov", None),
        ("aws-iso-e", "cloud.adc-e.uk", None),
        ("aws-iso-f", "csp.hci.ic.gov", None),
    ] {
        let place = Place {
            account_id: "000000000000".into(),
            region: "a-region".into(),
            partition: partition.into(),
        };
        assert_eq!(place.url_suffix(), url_suffix, "{partition}");

        let url = place.dashboard_url("a-stack");
        let host = url.as_deref().and_then(|url| url.split('/').nth(2));
        let expected = console.map(|console| format!("a-region.{console}"));
        assert_eq!(host, expected.as_deref(), "{partition}");
    }
}
