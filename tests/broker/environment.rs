use aws_service_broker::broker::ports::Environment;
use jiff::Timestamp;
use uuid::Uuid;

/// An environment with one random id.
struct Fixed(Uuid);

impl Environment for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn uuid(&self) -> Uuid {
        self.0
    }
}

#[test]
fn first_version_has_half_the_random_bits() {
    let uuid = Uuid::from_u64_pair(0x0000_0006_0000_0001, 0x0000_0003_0000_0002);
    assert_eq!(Fixed(uuid).first_version(), 5);
}
