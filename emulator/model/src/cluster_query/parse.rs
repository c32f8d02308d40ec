//! From text to meaning.

use super::{Expression, MAX_QUERY, Order, Subject, Test};

/// Parentheses and `not`s deeper than this are no expression that a person wrote.
const MAX_DEPTH: usize = 50;

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}, at character {}", self.at + 1)]
pub struct QueryError {
    /// What is wrong.
    pub message: String,
    /// Where: so many bytes from the beginning.
    pub at: usize,
    /// How many bytes of it are wrong; 0 at the end.
    pub length: usize,
    /// What may stand there.
    pub hint: String,
}

/// The operators by word and by sign, and whether they negate another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equals,
    In,
    Exists,
    Matches,
    Order(Order),
}

const SIGNS: [(&str, Operator, bool); 10] = [
    ("==", Operator::Equals, false),
    ("!=", Operator::Equals, true),
    (">=", Operator::Order(Order::GreaterEqual), false),
    ("<=", Operator::Order(Order::LessEqual), false),
    ("=~", Operator::Matches, false),
    ("!~", Operator::Matches, true),
    (">", Operator::Order(Order::Greater), false),
    ("<", Operator::Order(Order::Less), false),
    ("!in", Operator::In, true),
    ("!exists", Operator::Exists, true),
];

const WORDS: [(&str, Operator, bool); 12] = [
    ("equals", Operator::Equals, false),
    ("not_equals", Operator::Equals, true),
    ("greater_than", Operator::Order(Order::Greater), false),
    ("greater_than_equal", Operator::Order(Order::GreaterEqual), false),
    ("less_than", Operator::Order(Order::Less), false),
    ("less_than_equal", Operator::Order(Order::LessEqual), false),
    ("exists", Operator::Exists, false),
    ("not_exists", Operator::Exists, true),
    ("in", Operator::In, false),
    ("not_in", Operator::In, true),
    ("matches", Operator::Matches, false),
    ("not_matches", Operator::Matches, true),
];

const SUBJECTS: &str = "`attribute:NAME`, `agentConnected`, `agentVersion`, `ec2InstanceId`, `registeredAt`, `runningTasksCount` or `task:group`";
const OPERATORS: &str = "==, !=, >, >=, <, <=, exists, !exists, in, !in, =~ or !~";

/// Reads the whole of a text.
pub(super) fn expression(text: &str) -> Result<Expression, QueryError> {
    if let Some((at, _)) = text.char_indices().nth(MAX_QUERY) {
        let message = format!("an expression has at most {MAX_QUERY} characters");
        return Err(QueryError { message, at, length: text.len() - at, hint: "split it into several constraints: all of them must hold".into() });
    }
    let mut parser = Parser { text, at: 0, depth: 0 };
    let read = parser.any()?;
    parser.space();
    if parser.at < text.len() {
        let found = parser.rest().chars().next().unwrap_or_default();
        let hint = if found == ')' { "there is no `(` for it" } else { "expressions are joined by `and` or `or`" };
        return Err(parser.error(format!("`{}` is too much", parser.word_here()), parser.word_here().len(), hint));
    }
    Ok(read)
}

/// The numbers of a version.
pub(super) fn version(text: &str) -> Option<Vec<u64>> {
    text.split('.').map(|part| part.parse().ok()).collect()
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn error(&self, message: impl Into<String>, length: usize, hint: impl Into<String>) -> QueryError {
        QueryError { message: message.into(), at: self.at, length, hint: hint.into() }
    }

    /// What stands here up to a space, or one character: for messages.
    fn word_here(&self) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_whitespace() || "()[],".contains(c)).unwrap_or(rest.len());
        &rest[..end.max(rest.chars().next().map_or(0, char::len_utf8))]
    }

    fn nothing(&self, wanted: &str, hint: &str) -> QueryError {
        match self.word_here() {
            "" => self.error(format!("the expression ends where {wanted} is expected"), 0, hint),
            found => self.error(format!("`{found}` is not {wanted}"), found.len(), hint),
        }
    }

    /// Takes a sign or a whole word, in either case.
    fn take(&mut self, token: &str) -> bool {
        let Some(head) = self.rest().get(..token.len()).filter(|head| head.eq_ignore_ascii_case(token)) else { return false };
        let word = head.ends_with(|c: char| c.is_ascii_alphabetic());
        if word && self.rest()[token.len()..].starts_with(|c: char| c.is_ascii_alphanumeric() || "_:.-/".contains(c)) {
            return false;
        }
        self.at += token.len();
        true
    }

    fn deeper(&mut self) -> Result<(), QueryError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(format!("it is nested more than {MAX_DEPTH} deep"), 1, "split it into several constraints"));
        }
        Ok(())
    }

    fn any(&mut self) -> Result<Expression, QueryError> {
        self.joined(&["or", "||"], Self::all, Expression::Any)
    }

    fn all(&mut self) -> Result<Expression, QueryError> {
        self.joined(&["and", "&&"], Self::one, Expression::All)
    }

    fn joined(
        &mut self,
        signs: &[&str],
        part: fn(&mut Self) -> Result<Expression, QueryError>,
        join: fn(Vec<Expression>) -> Expression,
    ) -> Result<Expression, QueryError> {
        let mut parts = vec![part(self)?];
        loop {
            self.space();
            if !signs.iter().any(|sign| self.take(sign)) {
                return Ok(if parts.len() == 1 { parts.remove(0) } else { join(parts) });
            }
            parts.push(part(self)?);
        }
    }

    fn one(&mut self) -> Result<Expression, QueryError> {
        self.space();
        if self.take("not") || self.take("!") {
            self.deeper()?;
            let negated = self.one()?;
            self.depth -= 1;
            return Ok(Expression::Not(Box::new(negated)));
        }
        if !self.rest().starts_with('(') {
            return self.comparison();
        }
        let opened = self.at;
        self.at += 1;
        self.deeper()?;
        let inner = self.any()?;
        self.space();
        if !self.rest().starts_with(')') {
            let (found, length) = (self.word_here(), self.word_here().len());
            let message = if found.is_empty() { "a `)` is missing".to_owned() } else { format!("`{found}` stands where a `)` is expected") };
            return Err(self.error(message, length, format!("the `(` is at character {}", opened + 1)));
        }
        self.at += 1;
        self.depth -= 1;
        Ok(inner)
    }

    fn comparison(&mut self) -> Result<Expression, QueryError> {
        let subject = self.subject()?;
        self.space();
        let begin = self.at;
        let (operator, negated) = self.operator()?;
        if !applies(operator, &subject) {
            let length = self.at - begin;
            let sign = &self.text[begin..self.at];
            let hint = format!("{} takes {}", name(&subject), operators_of(&subject));
            return Err(QueryError { message: format!("`{sign}` does not apply to {}", name(&subject)), at: begin, length, hint });
        }
        let test = self.test(operator, &subject)?;
        let found = Expression::Test(subject, test);
        Ok(if negated { Expression::Not(Box::new(found)) } else { found })
    }

    fn subject(&mut self) -> Result<Subject, QueryError> {
        let end = self.rest().find(|c: char| !(c.is_ascii_alphanumeric() || "_:.-/".contains(c))).unwrap_or(self.rest().len());
        let word = &self.rest()[..end];
        let subject = match word {
            "agentConnected" => Subject::AgentConnected,
            "agentVersion" => Subject::AgentVersion,
            "ec2InstanceId" => Subject::Ec2InstanceId,
            "registeredAt" => Subject::RegisteredAt,
            "runningTasksCount" => Subject::RunningTasksCount,
            "task:group" => Subject::TaskGroup,
            _ => match word.strip_prefix("attribute:") {
                Some(name) if !name.is_empty() => Subject::Attribute(name.to_owned()),
                _ => return Err(self.nothing("a subject", &format!("a subject is {SUBJECTS}"))),
            },
        };
        self.at += end;
        Ok(subject)
    }

    fn operator(&mut self) -> Result<(Operator, bool), QueryError> {
        for (token, operator, negated) in SIGNS.iter().chain(&WORDS) {
            if self.take(token) {
                return Ok((*operator, *negated));
            }
        }
        Err(self.nothing("an operator", &format!("an operator is {OPERATORS}, or its word")))
    }

    fn test(&mut self, operator: Operator, subject: &Subject) -> Result<Test, QueryError> {
        Ok(match operator {
            Operator::Exists => Test::Exists,
            Operator::Equals => Test::In(vec![self.argument(subject)?]),
            Operator::In => Test::In(self.list(subject)?),
            Operator::Order(order) => Test::Order(order, self.argument(subject)?),
            Operator::Matches => {
                self.space();
                let begin = self.at;
                let text = self.value()?;
                // As in Java's `matches`, the whole of the value.
                let compiled = crate::regex::compile(&format!("^(?:{text})$"), true);
                Test::Matches(compiled.map_err(|why| QueryError {
                    message: format!("`{text}` is not a regular expression: {why}"),
                    at: begin,
                    length: self.at - begin,
                    hint: "for example `g2.*`; it must match the whole value".into(),
                })?)
            }
        })
    }

    fn list(&mut self, subject: &Subject) -> Result<Vec<String>, QueryError> {
        const HINT: &str = "a list is `[a, b]`";
        self.space();
        if !self.take("[") {
            return Err(self.nothing("a list", HINT));
        }
        let mut items = Vec::new();
        loop {
            items.push(self.argument(subject)?);
            self.space();
            if self.take("]") {
                return Ok(items);
            }
            if !self.take(",") {
                return Err(self.nothing("`,` or `]`", HINT));
            }
        }
    }

    /// A value, in the form in which it is compared.
    fn argument(&mut self, subject: &Subject) -> Result<String, QueryError> {
        self.space();
        let begin = self.at;
        let text = self.value()?;
        let (normal, what, hint) = match subject {
            Subject::RunningTasksCount => {
                (text.parse::<u64>().ok().map(|number| number.to_string()), "a number of tasks", "for example `runningTasksCount < 3`")
            }
            Subject::RegisteredAt => (moment(&text).map(|millis| millis.to_string()), "a date", "for example `2026-06-18` or `2026-06-18T22:28:28Z`"),
            Subject::AgentVersion => (version(&text).map(|_| text.clone()), "a version", "for example `1.105.1`"),
            Subject::AgentConnected => (Some(text.to_ascii_lowercase()), "", ""),
            Subject::Attribute(_) | Subject::Ec2InstanceId | Subject::TaskGroup => (Some(text.clone()), "", ""),
        };
        normal.ok_or_else(|| QueryError { message: format!("`{text}` is not {what}"), at: begin, length: self.at - begin, hint: hint.into() })
    }

    /// In quotes of either kind, or up to a space, a parenthesis, a comma or a sign that joins.
    fn value(&mut self) -> Result<String, QueryError> {
        let rest = self.rest();
        if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '\'' | '"')) {
            let Some(length) = rest[1..].find(quote) else {
                return Err(self.error(format!("the {quote} is never closed"), rest.len(), "put the same at the end of the value"));
            };
            self.at += length + 2;
            return Ok(rest[1..=length].to_owned());
        }
        let joins = |at: usize| rest[at..].starts_with("&&") || rest[at..].starts_with("||");
        let end = rest.char_indices().find(|(at, c)| c.is_whitespace() || "()[],".contains(*c) || joins(*at)).map_or(rest.len(), |(at, _)| at);
        if end == 0 {
            return Err(self.nothing("a value", "a value with spaces, commas or brackets stands in quotes"));
        }
        self.at += end;
        Ok(rest[..end].to_owned())
    }
}

fn moment(text: &str) -> Option<u64> {
    let zoned = text.parse::<jiff::Timestamp>().ok();
    let civil = || text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    u64::try_from(zoned.or_else(civil)?.as_millisecond()).ok()
}

/// What AWS lists for each subject; for attributes and groups it lists nothing, and an order of groups means nothing.
fn applies(operator: Operator, subject: &Subject) -> bool {
    match subject {
        Subject::Attribute(_) => true,
        Subject::TaskGroup => !matches!(operator, Operator::Order(_)),
        Subject::AgentConnected | Subject::Ec2InstanceId => !matches!(operator, Operator::Order(_) | Operator::Exists),
        Subject::AgentVersion | Subject::RegisteredAt | Subject::RunningTasksCount => matches!(operator, Operator::Order(_) | Operator::Equals),
    }
}

fn operators_of(subject: &Subject) -> &'static str {
    match subject {
        Subject::Attribute(_) => OPERATORS,
        Subject::TaskGroup => "==, !=, exists, !exists, in, !in, =~ and !~",
        Subject::AgentConnected | Subject::Ec2InstanceId => "==, !=, in, !in, =~ and !~",
        Subject::AgentVersion | Subject::RegisteredAt | Subject::RunningTasksCount => "==, !=, >, >=, < and <=",
    }
}

fn name(subject: &Subject) -> String {
    match subject {
        Subject::Attribute(name) => format!("`attribute:{name}`"),
        Subject::AgentConnected => "`agentConnected`".into(),
        Subject::AgentVersion => "`agentVersion`".into(),
        Subject::Ec2InstanceId => "`ec2InstanceId`".into(),
        Subject::RegisteredAt => "`registeredAt`".into(),
        Subject::RunningTasksCount => "`runningTasksCount`".into(),
        Subject::TaskGroup => "`task:group`".into(),
    }
}
