//! Which findings there are: every code with its number and title, in one table.

use serde::{Serialize, Serializer};
use std::fmt;

macro_rules! codes {
    ($( $variant:ident = $number:literal, $title:literal; )+) => {
        /// What kind of finding a diagnostic is. The number is stable, the words are not.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $( #[doc = $title] $variant, )+
        }

        impl Code {
            /// Every code, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )+];

            /// Returns the number, such as `CF0204`.
            pub fn number(self) -> &'static str {
                match self { $( Self::$variant => $number, )+ }
            }

            /// Returns what the code stands for in a few words.
            pub fn title(self) -> &'static str {
                match self { $( Self::$variant => $title, )+ }
            }
        }
    };
}

codes! {
    // CF01xx: characters and syntax.
    UnexpectedToken = "CF0101", "something else was expected here";
    CommentMark = "CF0102", "comments are `//` or `#`";
    UnclosedText = "CF0103", "a text without its closing quote";
    UnclosedExpression = "CF0104", "an expression without its closing parenthesis";
    UnclosedBrace = "CF0105", "a block or list that is never closed";
    UnclosedFence = "CF0106", "a code fence that is never closed";
    InvalidNumber = "CF0107", "a number or duration that cannot be read";
    TextAfterEnd = "CF0108", "text after the last brace";
    DoubtfulEscape = "CF0109", "a backslash that does nothing";
    FileTooLarge = "CF0110", "a file that is too large";
    NulByte = "CF0111", "a NUL byte in a file";
    NotUtf8 = "CF0112", "a file that is not UTF-8 text";
    TooDeep = "CF0113", "nested too deeply";
    TooManyNodes = "CF0114", "too many steps in one file";
    ExpressionTooLong = "CF0115", "an expression that is too long";
    TooManyValues = "CF0116", "too many values in one file";
    UnexpectedCharacter = "CF0117", "a character that has no meaning";
    UnclosedBlock = "CF0118", "a text block without its closing quotes";
    MissingHeader = "CF0119", "no `workflow NAME {` at the beginning";
    UnknownEdition = "CF0120", "an edition that is not known";
    MisplacedElse = "CF0121", "an `else` that belongs to no `if`";
    UnknownStep = "CF0122", "a word that begins no step";
    MisplacedAttribute = "CF0123", "an attribute in the wrong place";
    ColonInMap = "CF0124", "a colon where `=` belongs";
    TooManyFindings = "CF0125", "more findings than are shown";
    ForeignPlaceholder = "CF0126", "a placeholder in the notation of another system";

    // CF02xx: names, attributes, structure.
    NoStepBefore = "CF0201", "no step of this name can have run before";
    NotABooleanInput = "CF0202", "a condition that names no boolean input";
    DuplicateBranch = "CF0203", "two branches of one block with the same key";
    UnknownAttribute = "CF0204", "an attribute that does not exist";
    DuplicateAttribute = "CF0205", "the same attribute twice";
    InputsWithEquals = "CF0206", "`inputs =` on a call of a workflow";
    MissingAttribute = "CF0207", "a required attribute is missing";
    IgnoredAttribute = "CF0208", "an attribute that has no effect here";
    NotCarriedOut = "CF0209", "a construct that this version does not carry out";
    ExclusiveAttributes = "CF0210", "attributes that exclude each other";
    NameIsNotFile = "CF0211", "a workflow with another name than its file";
    UnknownAction = "CF0212", "an action that no plugin has";
    AmbiguousAction = "CF0213", "an action that several plugins have";
    UnknownBranch = "CF0214", "a need that is no branch of the block";
    NeedsCircle = "CF0215", "branches that wait for each other";
    NoBranches = "CF0216", "a parallel block without branches";
    UnknownInput = "CF0217", "an input that is not declared";
    UnknownVariable = "CF0218", "a variable that nothing sets";
    UnknownName = "CF0219", "a name that nothing has here";
    ReservedInput = "CF0220", "an input with the name of a built-in variable";
    ImplicitlyRequired = "CF0221", "an input that is required without saying so";
    InvalidPath = "CF0222", "a path that leads out of the project";
    ConstantCondition = "CF0223", "a condition that is always the same";
    Unreachable = "CF0224", "a step that is never reached";
    UnusedVariable = "CF0225", "a variable that nothing reads";
    UnusedInput = "CF0226", "an input that nothing uses";
    UselessLimit = "CF0227", "a limit that another one comes before";
    UnknownWorkflow = "CF0240", "a workflow that does not exist";
    BrokenWorkflow = "CF0241", "a called workflow that has errors itself";
    CircleOfCalls = "CF0242", "workflows that call each other in a circle";
    TooManyLevels = "CF0243", "calls of workflows inside of each other, too deep";
    MissingInput = "CF0244", "an input that a called workflow needs";
    UndeclaredInput = "CF0245", "an input that a called workflow does not have";
    SharedStepName = "CF0246", "a name that a step here and one of a called workflow have";
    UnknownTarget = "CF0247", "a target that the configuration does not allow";

    // CF03xx: values, parameters, expressions, types.
    UnknownParameter = "CF0301", "a parameter that the action does not have";
    BareWord = "CF0302", "a bare word where a value belongs";
    RootAsCondition = "CF0303", "a condition that looks like an expression without its parentheses";
    WrongValue = "CF0304", "a value of the wrong kind";
    ExpressionSyntax = "CF0305", "a text that is no expression";
    MissingParameter = "CF0306", "a required parameter is missing";
    UnknownMember = "CF0307", "a member that does not exist";
    WrongDefault = "CF0308", "a default that does not fit its input";
    BadSchema = "CF0309", "a schema of a plugin that cannot be read";
    ExpressionBudget = "CF0312", "an expression that costs too much";
    UnknownSchema = "CF0320", "a schema that the project does not have";
    BadSchemaFile = "CF0321", "a schema file that cannot be used";
    BadMarker = "CF0322", "a marker whose expression does not fit its schema";
    UnknownMarker = "CF0323", "a marker that the step never sets";
    UnknownSnippet = "CF0324", "a prompt snippet that the project does not have";
    UnknownAgent = "CF0325", "an agent's file that the project does not have";
    BadAgentFile = "CF0326", "an agent's file that is not read as it is meant";
    MissingScript = "CF0327", "a script that is not there";
    NotExecutable = "CF0328", "a script that nobody may run";
    QuotedPlaceholder = "CF0329", "a placeholder between quotes in a command";
    UnknownLanguage = "CF0330", "a language of scripts that nothing runs";
    UnknownGateKind = "CF0331", "a kind of gate that nobody decides";
    NoDeadline = "CF0332", "a wait without a deadline of its own";
    SecretLeak = "CF0333", "a secret where it would be seen";
    UnknownSecret = "CF0334", "a name that no secret has";
    UnknownIdentity = "CF0335", "an identity that is not configured";
    AlwaysNull = "CF0336", "an output that is always null";
    UnchangingLoop = "CF0337", "a loop whose condition nothing in it changes";
    UnsafeRetry = "CF0338", "a retry of an action that must not be done twice";

    // CF05xx: plugins and components.
    CoreModule = "CF0502", "a core module instead of a component";
    PluginNameTaken = "CF0507", "two plugins with one name";

    // CF06xx: grants, trust, configuration.
    CallDenied = "CF0610", "a call that no grant allows";
    ProjectNotTrusted = "CF0620", "a project that is not trusted";

    // CF07xx: run time.
    StepFailed = "CF0710", "a step failed";
    AlreadyDecided = "CF0721", "a gate that was decided already";
    RunCancelled = "CF0722", "a run that was cancelled";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.number())
    }
}
