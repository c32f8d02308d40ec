//! The vocabulary of the tables in [`crate::keys`]: which keys exist, what may stand under them, and what happens to the keys of AWS
//! that do not act here. Checking, merging and the JSON Schema all read the same tables.

/// What may stand at a place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// A scalar, taken as text.
    Text,
    /// A whole number.
    Integer(Range),
    /// A number, with decimals or without.
    Number,
    /// `true` or `false`.
    Boolean,
    /// One of some words.
    Choice(&'static Choice),
    /// A list.
    List(&'static List),
    /// Names to texts, the names free.
    Map,
    /// A mapping with known keys.
    Object(&'static Object),
    /// A text, or a mapping with known keys.
    TextOr(&'static Object),
    /// AWS's attributes: a map, or a list of `{key, value}`.
    Attributes(&'static Attributes),
    /// Not looked into.
    Anything,
}

/// Whole numbers, both ends included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    pub(crate) min: i64,
    pub(crate) max: i64,
    /// AWS prints it as a text somewhere, so quotes are no mistake.
    pub(crate) quoted: bool,
}

/// Words that are accepted, and AWS's other words with what to do instead.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) accepted: &'static [&'static str],
    pub(crate) refused: &'static [(&'static str, &'static str)],
}

/// A list whose items are alike.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) item: Shape,
    /// The key that names an item, by which several files are merged and which no two items share.
    pub(crate) key: Option<&'static str>,
    /// Whether `{file: path}` may stand for items.
    pub(crate) include: bool,
    /// The fewest items.
    pub(crate) min: usize,
}

/// A mapping with known keys.
#[derive(Debug)]
pub(crate) struct Object {
    /// The name of its definition in the JSON Schema.
    pub(crate) id: &'static str,
    /// "container definition", for messages.
    pub(crate) noun: &'static str,
    /// Whether the first letter of a key may be a capital, as in the ELBv2 API.
    pub(crate) either_case: bool,
    pub(crate) fields: &'static [Field],
    /// AWS's keys that act on real ECS and not here: name, and what to do instead.
    pub(crate) refused: &'static [(&'static str, &'static str)],
    /// Keys that only AWS's answers have; they ask for nothing.
    pub(crate) answers: &'static [&'static str],
    /// Whether keys that begin with `x-` are left alone, as a place for anchors.
    pub(crate) extensions: bool,
}

/// One key of an [`Object`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    /// Other spellings, case aside.
    pub(crate) aliases: &'static [&'static str],
    pub(crate) shape: Shape,
    pub(crate) required: bool,
    /// Why it is accepted without acting; `None` when it acts.
    pub(crate) inert: Option<&'static str>,
    /// For the JSON Schema.
    pub(crate) about: &'static str,
}

/// The attributes of a load balancer or of a target group.
#[derive(Debug)]
pub(crate) struct Attributes {
    pub(crate) id: &'static str,
    pub(crate) known: &'static [Attribute],
}

/// One attribute.
#[derive(Debug)]
pub(crate) struct Attribute {
    pub(crate) key: &'static str,
    pub(crate) rule: AttributeRule,
    pub(crate) about: &'static str,
}

/// What an attribute's value may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AttributeRule {
    /// It acts: a whole number in these bounds.
    Integer(i64, i64),
    /// It acts: a whole number in these bounds, or `off`.
    IntegerOrOff(i64, i64),
    /// It acts: `true` or `false`.
    Boolean,
    /// It acts: any text.
    Text,
    /// It acts: one of these words.
    OneOf(&'static [&'static str]),
    /// Only AWS's default is supported yet.
    Only(&'static str),
    /// Accepted without acting, for this reason.
    Inert(&'static str),
}

impl Object {
    /// The usual: exact case, nothing refused.
    pub(crate) const fn new(id: &'static str, noun: &'static str, fields: &'static [Field]) -> Self {
        Self { id, noun, either_case: false, fields, refused: &[], answers: &[], extensions: false }
    }

    /// The first letter of keys may be a capital.
    pub(crate) const fn either_case(self) -> Self {
        Self { either_case: true, ..self }
    }

    /// With these keys refused by name.
    pub(crate) const fn refusing(self, refused: &'static [(&'static str, &'static str)]) -> Self {
        Self { refused, ..self }
    }

    /// With these keys of AWS's answers left alone.
    pub(crate) const fn answers(self, answers: &'static [&'static str]) -> Self {
        Self { answers, ..self }
    }

    /// The field that a key means: by name or alias, in either case if the object says so.
    pub(crate) fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| self.same(field.name, key) || field.aliases.iter().any(|alias| self.same(alias, key)))
    }

    /// Whether `given` spells `known`.
    pub(crate) fn same(&self, known: &str, given: &str) -> bool {
        known == given || (self.either_case && lower_first(given) == known)
    }
}

/// A key that acts.
pub(crate) const fn field(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { name, aliases: &[], shape, required: false, inert: None, about }
}

/// A key of AWS's without local meaning, and why leaving it without one changes nothing that a user relies on.
pub(crate) const fn inert(name: &'static str, why: &'static str) -> Field {
    Field { name, aliases: &[], shape: Shape::Anything, required: false, inert: Some(why), about: why }
}

impl Field {
    /// For a key that does nothing here: a value that AWS would refuse is refused even so.
    pub(crate) const fn of(self, shape: Shape) -> Self {
        Self { shape, ..self }
    }

    pub(crate) const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    pub(crate) const fn or(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }
}

/// A whole number in bounds.
pub(crate) const fn integer(min: i64, max: i64) -> Shape {
    Shape::Integer(Range { min, max, quoted: false })
}

/// A whole number in bounds that may stand in quotes.
pub(crate) const fn quoted_integer(min: i64, max: i64) -> Shape {
    Shape::Integer(Range { min, max, quoted: true })
}

/// A list of items without names.
pub(crate) const fn list(item: Shape) -> List {
    List { item, key: None, include: false, min: 0 }
}

/// A list of items that `key` names.
pub(crate) const fn named(item: Shape, key: &'static str) -> List {
    List { item, key: Some(key), include: false, min: 0 }
}

impl List {
    /// With at least one item.
    pub(crate) const fn not_empty(self) -> Self {
        Self { min: 1, ..self }
    }
}

/// A list of texts.
pub(crate) const TEXTS: Shape = Shape::List(&list(Shape::Text));

/// `Port` as `port`.
pub(crate) fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + chars.as_str())
}

/// `port` as `Port`.
pub(crate) fn upper_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + chars.as_str())
}
