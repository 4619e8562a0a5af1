//! Advice for the user on failures of resources that AWS describes in its own terms alone.

/// A phrase in the reason of a failure, and what to do about it.
///
/// The phrases are those of RDS: its error codes are not in CloudFormation's events.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Troubleshooting.html>
const REMEDIES: [(&str, &str); 8] = [
    (
        "sufficient capacity",
        "AWS has no free server of this class in these Availability Zones. Choose another \
         InstanceClass, or try again later",
    ),
    (
        "Insufficient instance capacity",
        "AWS has no free server of this class in this Availability Zone. Choose another \
         InstanceClass, or try again later",
    ),
    (
        "coverage requirement",
        "The subnets of databases are in too few Availability Zones. Ask the broker's operator for \
         one more",
    ),
    (
        "No subnets found for the default VPC",
        "The account has no default VPC. Ask the broker's operator for subnets of databases",
    ),
    (
        "No default subnet detected",
        "The account has no default VPC. Ask the broker's operator for subnets of databases",
    ),
    (
        "storage-full",
        "The storage of the database is full. Raise AllocatedStorage",
    ),
    (
        "storage change is being optimized",
        "AWS changes the storage of a database only once in six hours. Try again later",
    ),
    (
        "disable deletion protection",
        "Ask the broker's operator to disable the protection of the database, then delete the \
         instance again",
    ),
];

/// Returns what to do about a failure with this reason; `None` if the reason says it, or is not known.
pub fn remedy(reason: &str) -> Option<&'static str> {
    let mut remedies = REMEDIES.iter();
    remedies
        .find(|(phrase, _)| reason.contains(phrase))
        .map(|(_, remedy)| *remedy)
}
