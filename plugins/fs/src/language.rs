//! Which language is a file written in, going by its name?

/// Languages by extension, in small letters.
const LANGUAGES: &[(&str, &[&str])] = &[
    ("Assembly", &["asm", "s"]),
    ("C", &["c", "h"]),
    ("C++", &["cc", "cpp", "cxx", "hh", "hpp", "hxx"]),
    ("C#", &["cs"]),
    ("CSS", &["css", "less", "sass", "scss"]),
    ("CSV", &["csv", "tsv"]),
    ("Clojure", &["clj", "cljs"]),
    ("Dart", &["dart"]),
    ("Elixir", &["ex", "exs"]),
    ("Erlang", &["erl", "hrl"]),
    ("F#", &["fs", "fsx"]),
    ("Go", &["go"]),
    ("GraphQL", &["graphql", "gql"]),
    ("HCL", &["hcl", "tf"]),
    ("HTML", &["htm", "html", "xhtml"]),
    ("Haskell", &["hs"]),
    ("INI", &["cfg", "conf", "ini"]),
    ("JSON", &["json", "jsonc", "jsonl", "ndjson"]),
    ("Java", &["java"]),
    ("JavaScript", &["cjs", "js", "jsx", "mjs"]),
    ("Julia", &["jl"]),
    ("Kotlin", &["kt", "kts"]),
    ("Lua", &["lua"]),
    ("Markdown", &["markdown", "md", "mdx"]),
    ("Nix", &["nix"]),
    ("OCaml", &["ml", "mli"]),
    ("PHP", &["php"]),
    ("Perl", &["pl", "pm"]),
    ("Protocol Buffers", &["proto"]),
    ("Python", &["py", "pyi"]),
    ("R", &["r"]),
    ("Ruby", &["rb"]),
    ("Rust", &["rs"]),
    ("SQL", &["sql"]),
    ("SVG", &["svg"]),
    ("Scala", &["scala"]),
    ("Shell", &["bash", "fish", "sh", "zsh"]),
    ("Swift", &["swift"]),
    ("TOML", &["toml"]),
    ("Text", &["txt"]),
    ("TypeScript", &["cts", "mts", "ts", "tsx"]),
    ("WIT", &["wit"]),
    ("WebAssembly text", &["wast", "wat"]),
    ("Workflow", &["wf"]),
    ("XML", &["xml", "xsd", "xsl"]),
    ("YAML", &["yaml", "yml"]),
    ("Zig", &["zig"]),
];

/// Files whose name says it, in small letters.
const NAMES: &[(&str, &str)] = &[
    ("cargo.lock", "TOML"),
    ("cmakelists.txt", "CMake"),
    ("dockerfile", "Dockerfile"),
    ("makefile", "Makefile"),
];

/// Returns the language, or the extension if it is unknown, or `(none)`.
pub(crate) fn language_of(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    if let Some((_, language)) = NAMES.iter().find(|(known, _)| *known == name) {
        return (*language).to_owned();
    }
    let extension = match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && !extension.is_empty() => extension,
        _ => return "(none)".into(),
    };
    let language = LANGUAGES.iter().find(|(_, extensions)| extensions.contains(&extension));
    language.map_or_else(|| format!(".{extension}"), |(language, _)| (*language).to_owned())
}

#[cfg(test)]
mod tests {
    use super::language_of;

    #[test]
    fn names_and_extensions_tell() {
        for (path, language) in [
            ("src/main.rs", "Rust"),
            ("Makefile", "Makefile"),
            ("a.b/CMakeLists.txt", "CMake"),
            (".gitignore", "(none)"),
            ("a.b/LICENSE", "(none)"),
            ("x.Zzz", ".zzz"),
            ("audit.wf", "Workflow"),
        ] {
            assert_eq!(language_of(path), language, "{path}");
        }
    }
}
