//! A value of JSON as the agent, which is written in Go, prints it into an environment (`%v`, ecs.md 1.9).

use serde_json::Value;

/// The text that a container gets for a value of a JSON object.
pub(crate) fn print(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".into(),
        Value::Bool(truth) => truth.to_string(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), float),
        Value::Array(items) => format!("[{}]", items.iter().map(print).collect::<Vec<_>>().join(" ")),
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            format!("map[{}]", members.into_iter().map(|(name, value)| format!("{name}:{}", print(value))).collect::<Vec<_>>().join(" "))
        }
    }
}

/// Every number is a `float64` there, printed with as few digits as tell it from others, and with an exponent where that is below -4 or
/// above 5.
fn float(number: f64) -> String {
    let scientific = format!("{number:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return number.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_printed_as_go_prints_them() {
        for (json, expected) in [
            ("\"text\"", "text"),
            ("5432", "5432"),
            ("1.5", "1.5"),
            ("0.0001", "0.0001"),
            ("0.00001", "1e-05"),
            ("-3", "-3"),
            ("100000", "100000"),
            ("12345678", "1.2345678e+07"),
            ("1e21", "1e+21"),
            ("true", "true"),
            ("null", "<nil>"),
            ("[1, \"a\", null]", "[1 a <nil>]"),
            ("{\"b\": 1, \"a\": {\"c\": []}}", "map[a:map[c:[]] b:1]"),
        ] {
            assert_eq!(print(&serde_json::from_str(json).unwrap()), expected, "{json}");
        }
    }
}
