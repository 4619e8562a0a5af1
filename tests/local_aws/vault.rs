use aws_service_broker::aws::Kms;

use crate::{
    aws::{Calls, settings},
    contract,
};

contract::vault::tests!(Kms::new(
    &Calls::default().config().await,
    settings().key_arn
));
