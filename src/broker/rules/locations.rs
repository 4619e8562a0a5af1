//! The accounts and Regions that the operator allows for instances.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    broker::{
        error::{Error, Result},
        place::Place,
        records::{ACCOUNT, Location, REGION, ROLE},
    },
    osb::Object,
};

/// The locations that the operator allows, besides the broker's own.
///
/// Each has the GUIDs of the organizations that may have instances there. An empty set allows every
/// organization.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locations(pub BTreeMap<Location, BTreeSet<String>>);

impl FromIterator<Location> for Locations {
    /// Creates locations that every organization may use.
    fn from_iter<T: IntoIterator<Item = Location>>(locations: T) -> Self {
        Self(
            locations
                .into_iter()
                .map(|location| (location, BTreeSet::new()))
                .collect(),
        )
    }
}

/// Removes the parameter and returns its text; `None` if it is absent.
fn take(parameters: &mut Object, name: &str) -> Result<Option<String>> {
    match parameters.shift_remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Error::Invalid(format!(
            "The parameter `{name}` must be a string."
        ))),
    }
}

impl Locations {
    /// Returns the location that a provision request chooses, and the other parameters. `None` is
    /// the broker's own location.
    ///
    /// If the operator allows no other location, these are ordinary parameters, which no plan has.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the operator does not allow the location, or several match.
    pub fn choose(
        &self,
        home: &Place,
        organization_guid: &str,
        mut parameters: Object,
    ) -> Result<(Option<Location>, Object)> {
        if self.0.is_empty() {
            return Ok((None, parameters));
        }

        let account = take(&mut parameters, ACCOUNT)?;
        let region = take(&mut parameters, REGION)?;
        let role = take(&mut parameters, ROLE)?;

        let account = account.as_deref().unwrap_or(&home.account_id);
        let region = region.as_deref().unwrap_or(&home.region);
        if role.is_none() && (account, region) == (&home.account_id, &home.region) {
            return Ok((None, parameters));
        }

        let fitting: Vec<_> = self
            .of(organization_guid)
            .filter(|location| location.account_id == account && location.region == region)
            .filter(|location| role.as_ref().is_none_or(|role| location.role_name == *role))
            .collect();

        match fitting[..] {
            [location] => Ok((Some(location.clone()), parameters)),
            [] => Err(Error::Invalid(format!(
                "The broker's operator does not allow this location. Choose one of: {}.",
                self.choices(home, organization_guid)
            ))),
            _ => Err(Error::Invalid(format!(
                "Several roles match. Send the parameter `{ROLE}`, too. Choose one of: {}.",
                self.choices(home, organization_guid)
            ))),
        }
    }

    /// Removes the parameters that choose a location from an update request. They must have the
    /// instance's values.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] if they choose another location.
    pub fn keep(
        &self,
        home: &Place,
        current: Option<&Location>,
        parameters: &mut Object,
    ) -> Result<()> {
        if self.0.is_empty() && current.is_none() {
            return Ok(());
        }

        let (account, region) = current.map_or((&home.account_id, &home.region), |at| {
            (&at.account_id, &at.region)
        });
        let role = current.map(|location| &location.role_name);

        for (name, value) in [
            (ACCOUNT, Some(account)),
            (REGION, Some(region)),
            (ROLE, role),
        ] {
            if let Some(requested) = parameters.shift_remove(name)
                && requested.as_str() != value.map(String::as_str)
            {
                return Err(Error::Unsupported(format!(
                    "An existing instance cannot change `{name}`. Create a new instance."
                )));
            }
        }

        Ok(())
    }

    /// The JSON Schema properties of the parameters that choose a location. Empty if the operator
    /// allows no other location.
    pub fn schema(&self, home: &Place) -> Object {
        let mut properties = Object::new();
        if self.0.is_empty() {
            return properties;
        }

        let (account, region) = (home.account_id.as_str(), home.region.as_str());

        let accounts = self.values(|location| &location.account_id);
        properties.insert(
            ACCOUNT.into(),
            choice("The AWS account of the instance.", Some(account), accounts),
        );

        let regions = self.values(|location| &location.region);
        properties.insert(
            REGION.into(),
            choice("The AWS Region of the instance.", Some(region), regions),
        );

        let roles = self.values(|location| &location.role_name);
        let description = "The role that the broker assumes in the account. Required if the \
                           account and the Region have several roles.";
        properties.insert(ROLE.into(), choice(description, None, roles));

        properties
    }

    /// Returns the values of a field of all locations.
    fn values(&self, field: fn(&Location) -> &str) -> BTreeSet<&str> {
        self.0.keys().map(field).collect()
    }

    /// The locations that the organization may use.
    fn of(&self, organization_guid: &str) -> impl Iterator<Item = &Location> {
        self.0
            .iter()
            .filter(move |(_, organizations)| {
                organizations.is_empty() || organizations.contains(organization_guid)
            })
            .map(|(location, _)| location)
    }

    fn choices(&self, home: &Place, organization_guid: &str) -> String {
        let own = format!("`{}` in `{}`", home.account_id, home.region);
        let others = self.of(organization_guid).map(|location| {
            let Location {
                account_id,
                region,
                role_name,
            } = location;
            format!("`{account_id}` in `{region}` with the role `{role_name}`")
        });
        std::iter::once(own)
            .chain(others)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// Returns the JSON Schema of a parameter with these allowed values. The default is one of them.
fn choice<'v>(description: &str, default: Option<&'v str>, mut values: BTreeSet<&'v str>) -> Value {
    values.extend(default);
    let mut property = json!({"type": "string", "description": description, "enum": values});
    if let (Some(default), Some(property)) = (default, property.as_object_mut()) {
        property.insert("default".into(), default.into());
    }
    property
}
