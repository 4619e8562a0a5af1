//! Tests of the compiler with the keys of templates of databases, right ones and wrong ones.

use catalog::{
    compiler::{compile, inspect},
    model::{Engine, Privileges},
};

const GOOD: &str = "\
Description: A database.
Metadata:
  AWS::ServiceBroker::Specification:
    Version: 1.0.0
    Name: database
    ServicePlans:
      old: {Description: An old one., ParameterDefaults: {EngineVersion: '15.4'}}
    EndOfSupport:
      Parameter: EngineVersion
      Dates: {'15': '2028-02-29', '17': '2030-02-28'}
    Growing: [Size]
    SameSpace: [{Parameter: Source, Output: Name}]
    TaggedBySpace: [{Parameter: Snapshot, Arn: 'arn:${AWS::Partition}:rds:snapshot:${Snapshot}'}]
    UpdatableParameters: [Size]
    OperatorParameters: [SubnetIds, SecurityGroupIds]
    Bindings:
      Credentials: {username: '${Database.Username}', password: '${Database.Password}'}
      Database:
        Engine: MySQL
        Host: ${Host}
        Port: '3306'
        Name: app
        MasterSecret: ${Secret}
        Users:
          Reader: {Privileges: ReadOnly, Authentication: Iam}
      Policies:
        Reader: [{Effect: Allow, Action: 'rds-db:connect', Resource: 'user/${Database.Username}'}]
        MasterSecret: []
      Boundary: [{Effect: Allow, Action: 'rds-db:connect', Resource: '*'}]
Parameters:
  EngineVersion: {Type: String, Default: '17'}
  Size: {Type: Number, Default: 20}
  Source: {Type: String, Default: ''}
  Snapshot: {Type: String, Default: ''}
  SubnetIds: {Type: String, Default: ''}
  SecurityGroupIds: {Type: String, Default: ''}
Resources:
  Database: {Type: 'AWS::RDS::DBInstance'}
Outputs:
  Host: {Value: !GetAtt Database.Endpoint.Address}
  Name: {Value: !Ref Database}
  Secret: {Value: !GetAtt Database.MasterUserSecret.SecretArn}
";

#[test]
fn users_of_a_database_belong_to_scopes() {
    let bindings = compile("template.yaml", GOOD).expect("a template").bindings;
    let database = bindings.database.expect("a database");
    assert_eq!(database.engine, Engine::MySql);

    let [reader, master] = &*bindings.scopes else {
        panic!("{:?}", bindings.scopes);
    };
    let user = reader.database_user.expect("a user");
    assert_eq!((user.privileges, user.by_iam), (Privileges::ReadOnly, true));
    assert_eq!(master.database_user, None);
}

#[test]
fn mistakes_are_reported_with_their_line() {
    for (from, to, line, reason) in [
        (
            "OperatorParameters: [SubnetIds, SecurityGroupIds]",
            "OperatorParameters: [SubnetIds]",
            19,
            "needs `SecurityGroupIds` in OperatorParameters",
        ),
        (
            "        MasterSecret: []\n",
            "",
            19,
            "needs a scope without a user of the database",
        ),
        (
            "          Reader: {Priv",
            "          Raeder: {Priv",
            25,
            "Policies has no scope `Raeder`; did you mean `Reader`?",
        ),
        (
            "Authentication:",
            "Authenticaton:",
            25,
            "did you mean `Authentication`?",
        ),
        (
            "Growing: [Size]",
            "Growing: [Source]",
            11,
            "`Source` is not a Number",
        ),
        (
            "UpdatableParameters: [Size]",
            "UpdatableParameters: [Size, Source]",
            12,
            "`Source` must not be in UpdatableParameters",
        ),
        (
            "Output: Name",
            "Output: Nmae",
            12,
            "`Nmae` is not an output",
        ),
        (
            "snapshot:${Snapshot}",
            "snapshot:${Source}",
            13,
            "`${Source}` is neither the parameter nor a place",
        ),
        ("2028-02-29", "29 February", 9, "is not YYYY-MM-DD"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let error = inspect("template.yaml", &GOOD.replacen(from, to, 1)).expect_err(reason);
        let text = error.to_string();
        assert!(text.contains(reason), "{text}");
        assert!(text.contains(&format!(":{line}:")), "{text} at {line}");
    }
}

/// AWS charges more for versions whose standard support has ended.
#[test]
fn defaults_end_with_their_support() {
    let support = inspect("template.yaml", GOOD)
        .expect("a template")
        .end_of_support;
    let support = support.expect("dates");
    assert_eq!(support.ended_default("2028-02-29"), None);
    assert_eq!(support.ended_default("2028-03-01"), Some("15.4"));

    // A version without a date could be anything.
    let unknown = GOOD.replace("Default: '17'", "Default: '16'");
    let support = inspect("template.yaml", &unknown)
        .expect("a template")
        .end_of_support;
    assert_eq!(
        support.expect("dates").ended_default("2026-01-01"),
        Some("16")
    );
}
