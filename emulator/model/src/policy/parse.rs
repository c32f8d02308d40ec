//! A policy document out of JSON, with every mistake at its place. What could not act here as AWS has it is refused by name, so that no
//! policy allows more than it says.

use serde_json::{Map, Value};

use super::condition::{Operator, SetOperator};
use super::pattern::{ARN_PARTS, Part, key_and_default, parts};
use super::{PolicyCondition, PolicyDocument, PolicyEffect, PolicyPattern, PolicyScope, PolicyStatement, request};

/// A mistake in a policy document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyProblem {
    /// Keys and numbers of items, from the document to the place.
    pub at: Vec<String>,
    /// What is wrong.
    pub why: String,
    /// What to do.
    pub hint: Option<String>,
}

impl std::fmt::Display for PolicyProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = if self.at.is_empty() { String::new() } else { format!("{}: ", self.at.join(".")) };
        write!(f, "{place}{}", self.why)
    }
}

/// The longest document, in characters without white space: of AWS's quota for the inline policies of a role.
const LONGEST: usize = 10_240;

impl PolicyDocument {
    /// Reads a document.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn parse(document: &Value) -> Result<Self, Vec<PolicyProblem>> {
        let mut reader = Reader { at: Vec::new(), problems: Vec::new(), variables: false };
        let parsed = reader.document(document);
        match parsed {
            Some(parsed) if reader.problems.is_empty() => Ok(parsed),
            _ => Err(reader.problems),
        }
    }
}

struct Reader {
    at: Vec<String>,
    problems: Vec<PolicyProblem>,
    variables: bool,
}

impl Reader {
    fn problem<T>(&mut self, why: impl Into<String>, hint: Option<&str>) -> Option<T> {
        self.problems.push(PolicyProblem { at: self.at.clone(), why: why.into(), hint: hint.map(str::to_owned) });
        None
    }

    fn under<T>(&mut self, key: impl Into<String>, read: impl FnOnce(&mut Self) -> T) -> T {
        self.at.push(key.into());
        let read = read(self);
        self.at.pop();
        read
    }

    fn object<'v>(&mut self, value: &'v Value, what: &str, known: &[&str]) -> Option<&'v Map<String, Value>> {
        let Value::Object(map) = value else { return self.problem(format!("{what} is a mapping"), None) };
        for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
            let spelled = known.iter().find(|known| known.eq_ignore_ascii_case(key));
            let hint = spelled.map_or_else(|| format!("{what} has {}", known.join(", ")), |known| format!("write `{known}`"));
            self.under(key.clone(), |reader| reader.problem::<()>(format!("{what} has no `{key}`"), Some(&hint)));
        }
        Some(map)
    }

    fn document(&mut self, value: &Value) -> Option<PolicyDocument> {
        let map = self.object(value, "a policy document", &["Version", "Id", "Statement"])?;
        if value.to_string().chars().filter(|c| !c.is_whitespace()).count() > LONGEST {
            return self.problem(format!("a policy has at most {LONGEST} characters"), None);
        }
        let has_variables = match map.get("Version").map(Value::as_str) {
            Some(Some("2012-10-17")) => true,
            None | Some(Some("2008-10-17")) => false,
            _ => self.under("Version", |reader| reader.problem("the version of a policy is 2012-10-17 or 2008-10-17", None))?,
        };
        self.variables = has_variables;
        let Some(statements) = map.get("Statement") else { return self.problem("a policy document needs `Statement`", None) };
        let statements = self.under("Statement", |reader| match statements {
            Value::Array(items) if items.is_empty() => reader.problem("a policy has at least one statement", None),
            Value::Array(items) => {
                let read: Vec<_> = items.iter().enumerate().map(|(at, item)| reader.under(at.to_string(), |reader| reader.statement(item))).collect();
                read.into_iter().collect::<Option<Vec<_>>>()
            }
            one => reader.statement(one).map(|one| vec![one]),
        });
        Some(PolicyDocument { has_variables, statements: statements? })
    }

    fn statement(&mut self, value: &Value) -> Option<PolicyStatement> {
        let known = ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"];
        if let Some(Value::Object(map)) = Some(value)
            && let Some(key) = ["Principal", "NotPrincipal"].into_iter().find(|key| map.contains_key(*key))
        {
            let hint = "the policy of a role is about what that role does; leave it out";
            return self.under(key, |reader| reader.problem("Policy document should not specify a principal.", Some(hint)));
        }
        let map = self.object(value, "a statement", &known)?;
        let effect = match map.get("Effect").map(Value::as_str) {
            Some(Some("Allow")) => Some(PolicyEffect::Allow),
            Some(Some("Deny")) => Some(PolicyEffect::Deny),
            Some(_) => self.under("Effect", |reader| reader.problem("`Effect` is Allow or Deny", None)),
            None => self.problem("a statement needs `Effect`: Allow or Deny", None),
        };
        let actions = self.scope(map, "Action", Self::action);
        let resources = self.scope(map, "Resource", Self::resource);
        let conditions = match map.get("Condition") {
            Some(conditions) => self.under("Condition", |reader| reader.conditions(conditions)),
            None => Some(Vec::new()),
        };
        let sid = map.get("Sid").and_then(Value::as_str).map(str::to_owned);
        Some(PolicyStatement { sid, effect: effect?, actions: actions?, resources: resources?, conditions: conditions? })
    }

    /// `Action` or `NotAction`, one of the two.
    fn scope(&mut self, map: &Map<String, Value>, key: &str, check: fn(&mut Self, &str)) -> Option<PolicyScope> {
        let not = format!("Not{key}");
        let (key, value) = match (map.get(key), map.get(&not)) {
            (Some(value), None) => (key.to_owned(), value),
            (None, Some(value)) => (not.clone(), value),
            (None, None) => return self.problem(format!("a statement needs `{key}` or `{not}`"), None),
            (Some(_), Some(_)) => return self.problem(format!("a statement has `{key}` or `{not}`, not both"), None),
        };
        let patterns = self.under(key.clone(), |reader| {
            let texts = reader.texts(value)?;
            let before = reader.problems.len();
            texts.iter().for_each(|text| check(reader, text));
            (reader.problems.len() == before).then(|| texts.into_iter().map(PolicyPattern).collect::<Vec<_>>())
        })?;
        Some(if key == not { PolicyScope::Not(patterns) } else { PolicyScope::Any(patterns) })
    }

    fn action(&mut self, text: &str) {
        let part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "*?-_".contains(c));
        let good = text == "*" || text.split_once(':').is_some_and(|(service, operation)| part(service) && part(operation));
        if !good {
            self.problem::<()>(format!("`{text}` is no action"), Some("write it as `ecr:DescribeRepositories`; `ecr:*` is all of a service"));
        }
    }

    fn resource(&mut self, text: &str) {
        let parts = text.splitn(ARN_PARTS, ':').collect::<Vec<_>>();
        if text != "*" && (parts.len() < ARN_PARTS || parts[0] != "arn") {
            self.problem::<()>(
                format!("Resource `{text}` must be in ARN format or \"*\"."),
                Some("as `arn:aws:ecr:us-east-1:000000000000:repository/users`; any part may have `*`"),
            );
        }
        self.variables_of(text);
    }

    /// A variable that never has a value would make a statement that never applies, a denial among them.
    fn variables_of(&mut self, text: &str) {
        if !self.variables {
            return;
        }
        for part in parts(text) {
            let Part::Variable(variable) = part else { continue };
            let (key, _) = key_and_default(variable);
            if !matches!(variable, "*" | "?" | "$") && !request::is_known(key) {
                self.problem::<()>(format!("the policy variable `${{{variable}}}` is not supported"), Some(&keys_hint()));
            }
        }
    }

    fn conditions(&mut self, value: &Value) -> Option<Vec<PolicyCondition>> {
        let Value::Object(operators) = value else { return self.problem("`Condition` is a mapping of operators", None) };
        let mut conditions = Some(Vec::new());
        for (name, keys) in operators {
            let read = self.under(name.clone(), |reader| reader.operator(name, keys));
            match (read, &mut conditions) {
                (Some(read), Some(conditions)) => conditions.extend(read),
                _ => conditions = None,
            }
        }
        conditions
    }

    fn operator(&mut self, name: &str, keys: &Value) -> Option<Vec<PolicyCondition>> {
        let (set, rest) = match name.split_once(':') {
            Some(("ForAllValues", rest)) => (Some(SetOperator::ForAllValues), rest),
            Some(("ForAnyValue", rest)) => (Some(SetOperator::ForAnyValue), rest),
            _ => (None, name),
        };
        let (plain, if_exists) = rest.strip_suffix("IfExists").map_or((rest, false), |plain| (plain, true));
        let Some(operator) = Operator::named(plain).filter(|operator| *operator != Operator::Null || (set.is_none() && !if_exists)) else {
            let hint = format!("known are {}, with IfExists, ForAllValues: and ForAnyValue:", Operator::NAMES.join(", "));
            return self.problem(format!("the condition operator `{name}` is not supported"), Some(&hint));
        };
        let Value::Object(keys) = keys else { return self.problem("an operator has a mapping of keys to values", None) };
        let mut read = Some(Vec::new());
        for (key, values) in keys {
            let values = self.under(key.clone(), |reader| {
                let values = reader.texts(values)?;
                if !request::is_known(key) {
                    return reader.problem(format!("the condition key `{key}` is not supported"), Some(&keys_hint()));
                }
                let before = reader.problems.len();
                for value in &values {
                    if let Some(wanted) = operator.refuses(value) {
                        reader.problem::<()>(format!("`{value}` is not what {plain} compares: {wanted}"), None);
                    }
                    reader.variables_of(value);
                }
                (reader.problems.len() == before).then_some(values)
            });
            match (values, &mut read) {
                (Some(values), Some(read)) => {
                    read.push(PolicyCondition { operator, set, if_exists, key: key.clone(), values: values.into_iter().map(PolicyPattern).collect() })
                }
                _ => read = None,
            }
        }
        read
    }

    /// One text or several.
    fn texts(&mut self, value: &Value) -> Option<Vec<String>> {
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let texts = match value {
            Value::Array(items) => items.iter().map(text).collect(),
            one => text(one).map(|text| vec![text]),
        };
        match texts {
            Some(texts) if !texts.is_empty() => Some(texts),
            _ => self.problem("this is one text, or a list of at least one", None),
        }
    }
}

fn keys_hint() -> String {
    let keys: Vec<String> = request::KEYS.iter().map(|key| if key.ends_with('/') { format!("{key}<tag>") } else { (*key).to_owned() }).collect();
    format!("requests here have {}", keys.join(", "))
}
