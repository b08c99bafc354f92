//! The entries of the function table, sorted by name.

use super::Apply::{Macro, Pure};
use super::Form::{Either, Method};
use super::Kind::{Any, Boolean, Collection, Double, Int, List, Number, Text, TextOrInt, TextOrList};
use super::{Apply, Form, Function, Kind, OnNull, convert, list, text, time};

/// The table; the search in it relies on the order.
pub(super) static FUNCTIONS: [Function; 40] = [
    entry(
        "all",
        Form::Macro,
        &[Collection, Any, Boolean],
        Boolean,
        Macro,
        "Returns whether the condition is true for every element.",
        "[1, 2].all(x, x > 0)",
    ),
    entry(
        "bool",
        Either,
        &[Any],
        Boolean,
        Pure(convert::boolean),
        "Returns the boolean in a text: `\"true\"` or `\"false\"` in any case.",
        "bool(\"TRUE\")",
    ),
    entry(
        "contains",
        Method,
        &[TextOrList, Any],
        Boolean,
        Pure(text::contains),
        "Returns whether a text holds another, or a list an element; false for null.",
        "\"workflow\".contains(\"flow\")",
    )
    .on_null(OnNull::False),
    entry(
        "distinct",
        Either,
        &[List],
        List,
        Pure(list::distinct),
        "Returns the elements without repetitions, each at its first place.",
        "[2, 1, 2].distinct() == [2, 1]",
    ),
    entry(
        "double",
        Either,
        &[Any],
        Double,
        Pure(convert::double),
        "Returns a number, or the number in a text, as a double.",
        "double(\"1.5\") == 1.5",
    ),
    entry(
        "endsWith",
        Method,
        &[Text, Text],
        Boolean,
        Pure(text::ends_with),
        "Returns whether a text ends with another; false for null.",
        "\"a.wf\".endsWith(\".wf\")",
    )
    .on_null(OnNull::False),
    entry(
        "exists",
        Form::Macro,
        &[Collection, Any, Boolean],
        Boolean,
        Macro,
        "Returns whether the condition is true for an element; false for null.",
        "[1, 2].exists(x, x > 1)",
    ),
    entry(
        "exists_one",
        Form::Macro,
        &[Collection, Any, Boolean],
        Boolean,
        Macro,
        "Returns whether the condition is true for exactly one element; false for null.",
        "[1, 2].exists_one(x, x > 1)",
    ),
    entry(
        "filter",
        Form::Macro,
        &[Collection, Any, Boolean],
        List,
        Macro,
        "Returns the elements for which the condition is true.",
        "[1, 2, 3].filter(x, x > 1) == [2, 3]",
    ),
    entry(
        "flatten",
        Either,
        &[List],
        List,
        Pure(list::flatten),
        "Returns the elements of the lists in a list, one level down.",
        "[[1], [2, 3], 4].flatten() == [1, 2, 3, 4]",
    ),
    entry(
        "format_time",
        Either,
        &[TextOrInt, Text],
        Text,
        Pure(time::format),
        "Returns a moment (RFC 3339, or milliseconds since 1970) in UTC by a pattern of %Y %m %d %H %M %S and their like.",
        "format_time(\"2026-01-31T09:05:00Z\", \"%d.%m.%Y %H:%M\") == \"31.01.2026 09:05\"",
    ),
    entry(
        "has",
        Form::Macro,
        &[Any],
        Boolean,
        Macro,
        "Returns whether a member exists; false if any part of the way to it is missing.",
        "!has({\"a\": null}.a.b.c)",
    ),
    entry(
        "hasValue",
        Method,
        &[Any],
        Boolean,
        Pure(convert::has_value),
        "Returns whether a value is not null.",
        "!{\"a\": 1}.?b.hasValue()",
    ),
    entry(
        "indexOf",
        Method,
        &[TextOrList, Any],
        Int,
        Pure(text::index_of),
        "Returns the position of a part in a text or of an element in a list, -1 if there is none.",
        "\"abc\".indexOf(\"c\") == 2",
    ),
    entry(
        "int",
        Either,
        &[Any],
        Int,
        Pure(convert::int),
        "Returns the integer in a text, or a number without its fraction.",
        "int(\"42\") == 42",
    ),
    entry(
        "join",
        Either,
        &[List, Text],
        Text,
        Pure(text::join),
        "Returns the elements as one text with a separator between them.",
        "[\"a\", \"b\"].join(\", \") == \"a, b\"",
    )
    .optional_from(1),
    entry(
        "json",
        Either,
        &[Any],
        Text,
        Pure(convert::json),
        "Returns a value as compact JSON with sorted keys.",
        "json({\"b\": 1, \"a\": [true]}) == '{\"a\":[true],\"b\":1}'",
    ),
    entry(
        "lower",
        Method,
        &[Text],
        Text,
        Pure(text::lower),
        "Returns a text in lower case.",
        "\"ÄB\".lower() == \"äb\"",
    ),
    entry(
        "lowerAscii",
        Method,
        &[Text],
        Text,
        Pure(text::lower_ascii),
        "Returns a text with the letters A to Z in lower case.",
        "\"ÄB\".lowerAscii() == \"Äb\"",
    ),
    entry(
        "map",
        Form::Macro,
        &[Collection, Any, Any],
        List,
        Macro,
        "Returns the values of an expression for the elements; with three arguments for those that the first condition takes.",
        "[1, 2, 3].map(x, x > 1, x * 10) == [20, 30]",
    ),
    entry(
        "matches",
        Method,
        &[Text, Text],
        Boolean,
        Pure(text::matches),
        "Returns whether a regular expression matches somewhere in a text; false for null.",
        "\"v1.20\".matches(r'^v\\d+\\.\\d+$')",
    )
    .on_null(OnNull::False),
    entry(
        "max",
        Either,
        &[Any],
        Any,
        Pure(list::max),
        "Returns the greatest of its arguments or of the elements of a list, null if there are none.",
        "max([3, 1, 2]) == 3",
    )
    .variadic(),
    entry(
        "min",
        Either,
        &[Any],
        Any,
        Pure(list::min),
        "Returns the least of its arguments or of the elements of a list, null if there are none.",
        "min(3, 1, 2) == 1",
    )
    .variadic(),
    entry(
        "orValue",
        Form::Macro,
        &[Any, Any],
        Any,
        Macro,
        "Returns a value, or another one where it is null.",
        "{\"a\": 1}.?b.orValue(7) == 7",
    ),
    entry(
        "parse_json",
        Either,
        &[Text],
        Any,
        Pure(convert::parse_json),
        "Returns the value of a JSON text.",
        "parse_json('{\"a\": 1}').a == 1",
    ),
    entry(
        "range",
        Form::Function,
        &[Int, Int],
        List,
        Pure(list::range),
        "Returns the integers from 0, or from the first argument, up to but without the last.",
        "range(3) == [0, 1, 2] && range(2, 4) == [2, 3]",
    )
    .optional_from(1),
    entry(
        "replace",
        Method,
        &[Text, Text, Text],
        Text,
        Pure(text::replace),
        "Returns a text with every occurrence of a part replaced.",
        "\"a-b-c\".replace(\"-\", \"\") == \"abc\"",
    ),
    entry(
        "reverse",
        Either,
        &[TextOrList],
        Any,
        Pure(list::reverse),
        "Returns a list or text from its end to its beginning.",
        "[1, 2].reverse() == [2, 1]",
    ),
    entry(
        "size",
        Either,
        &[Collection],
        Int,
        Pure(list::size),
        "Returns the number of characters, elements or keys; null for null.",
        "size(\"äb\") == 2 && [1, 2].size() == 2",
    )
    .on_null(OnNull::Null),
    entry(
        "sort",
        Either,
        &[List],
        List,
        Pure(list::sort),
        "Returns the elements, all numbers or all texts, in ascending order.",
        "[\"b\", \"a\"].sort() == [\"a\", \"b\"]",
    ),
    entry(
        "split",
        Method,
        &[Text, Text],
        List,
        Pure(text::split),
        "Returns the parts of a text between separators; with an empty separator its characters.",
        "\"a,b\".split(\",\") == [\"a\", \"b\"]",
    ),
    entry(
        "startsWith",
        Method,
        &[Text, Text],
        Boolean,
        Pure(text::starts_with),
        "Returns whether a text starts with another; false for null.",
        "\"release/1\".startsWith(\"release/\")",
    )
    .on_null(OnNull::False),
    entry(
        "string",
        Either,
        &[Any],
        Text,
        Pure(convert::string),
        "Returns a value as text, as a template shows it.",
        "string(3) + string(null) == \"3\"",
    ),
    entry(
        "substring",
        Method,
        &[Text, Int, Int],
        Text,
        Pure(text::substring),
        "Returns the characters from a position, up to but without another.",
        "\"workflow\".substring(4) == \"flow\" && \"abc\".substring(0, 2) == \"ab\"",
    )
    .optional_from(2),
    entry(
        "sum",
        Either,
        &[List],
        Number,
        Pure(list::sum),
        "Returns the sum of the numbers in a list.",
        "sum([1, 2, 3]) == 6",
    ),
    entry(
        "trim",
        Method,
        &[Text],
        Text,
        Pure(text::trim),
        "Returns a text without white space at its ends.",
        "\" a \".trim() == \"a\"",
    ),
    entry(
        "type",
        Either,
        &[Any],
        Text,
        Pure(convert::kind),
        "Returns the kind of a value: null boolean int double text list map.",
        "type([1]) == \"list\"",
    ),
    entry(
        "upper",
        Method,
        &[Text],
        Text,
        Pure(text::upper),
        "Returns a text in upper case.",
        "\"aß\".upper() == \"ASS\"",
    ),
    entry(
        "upperAscii",
        Method,
        &[Text],
        Text,
        Pure(text::upper_ascii),
        "Returns a text with the letters a to z in upper case.",
        "\"äb\".upperAscii() == \"äB\"",
    ),
    entry(
        "zip",
        Either,
        &[List, List],
        List,
        Pure(list::zip),
        "Returns the pairs of the elements of two lists, as many as the shorter one has.",
        "[1, 2].zip([\"a\", \"b\"]) == [[1, \"a\"], [2, \"b\"]]",
    ),
];

/// Returns an entry with the usual properties: every parameter required, null refused by kind.
const fn entry(
    name: &'static str,
    form: Form,
    parameters: &'static [Kind],
    result: Kind,
    apply: Apply,
    summary: &'static str,
    example: &'static str,
) -> Function {
    let required = parameters.len();
    Function {
        name,
        form,
        parameters,
        required,
        variadic: false,
        result,
        summary,
        example,
        null: OnNull::Apply,
        apply,
    }
}

impl Function {
    const fn optional_from(mut self, required: usize) -> Self {
        self.required = required;
        self
    }

    const fn variadic(mut self) -> Self {
        self.variadic = true;
        self
    }

    const fn on_null(mut self, null: OnNull) -> Self {
        self.null = null;
        self
    }
}
