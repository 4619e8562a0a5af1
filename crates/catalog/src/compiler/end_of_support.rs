//! `EndOfSupport`: the dates until which AWS supports the values of a parameter at its usual price.

use indexmap::IndexMap;
use serde_json::Value;

use super::{Checked, document::Template, fault, known_parameter, text};

/// The ends of standard support of a parameter's values.
#[derive(Clone, Debug, PartialEq)]
pub struct EndOfSupport {
    /// Name of the parameter.
    pub parameter: String,
    /// Dates as `YYYY-MM-DD`, by value. A value covers those that continue it after a dot.
    pub dates: IndexMap<String, String>,
    /// Values that instances get unless their users choose one: the defaults of the template and of
    /// its plans, and the values that plans fix.
    pub defaults: Vec<String>,
}

impl EndOfSupport {
    /// Returns the date of a value; `None` if no entry covers it.
    ///
    /// ```
    /// # use catalog::compiler::EndOfSupport;
    /// let support = EndOfSupport {
    ///     parameter: "EngineVersion".into(),
    ///     dates: [("17".to_owned(), "2030-02-28".to_owned())].into_iter().collect(),
    ///     defaults: Vec::new(),
    /// };
    /// assert_eq!(support.date("17.6"), Some("2030-02-28"));
    /// assert_eq!(support.date("170"), None);
    /// ```
    pub fn date(&self, value: &str) -> Option<&str> {
        let covers = |covered: &str| {
            value
                .strip_prefix(covered)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let mut dates = self.dates.iter();
        dates
            .find(|(covered, _)| covers(covered))
            .map(|(_, date)| date.as_str())
    }

    /// Returns the first default whose standard support has ended before the date, as `YYYY-MM-DD`.
    pub fn ended_default(&self, today: &str) -> Option<&str> {
        let mut defaults = self.defaults.iter().map(String::as_str);
        defaults.find(|value| self.date(value).is_none_or(|date| date < today))
    }
}

/// Returns the ends of standard support, if the template has some.
pub fn end_of_support(template: &Template) -> Checked<Option<EndOfSupport>> {
    let specification = &template.metadata.specification.value;
    let Some(at) = &specification.end_of_support else {
        return Ok(None);
    };

    let name = &at.value.parameter;
    let parameter = known_parameter(template, name).map_err(|reason| fault(at, reason))?;
    if let Some((value, date)) = at.value.dates.iter().find(|(_, date)| !is_date(date)) {
        let reason = format!("the end of support of `{value}`, `{date}`, is not YYYY-MM-DD");
        return Err(fault(at, reason));
    }

    let of_plans = specification.service_plans.values().flat_map(|plan| {
        let plan = &plan.value;
        let values = [
            plan.parameter_values.get(name),
            plan.parameter_defaults.get(name),
        ];
        values.into_iter().flatten().map(|value| &value.value)
    });
    let defaults: Vec<&Value> = parameter.default.iter().chain(of_plans).collect();
    let defaults = defaults
        .into_iter()
        .map(text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|reason| fault(at, reason))?;
    Ok(Some(EndOfSupport {
        parameter: name.clone(),
        dates: at.value.dates.clone(),
        defaults,
    }))
}

fn is_date(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
    lengths == [4, 2, 2] && parts.iter().all(|part| part.parse::<u16>().is_ok())
}
