//! A guest without a test of the same name does not compile: each module with such tests is named here once.

#[expect(unused_imports, reason = "the names are looked up below")]
mod tests_by_name {
    use crate::attacks::*;
    use crate::cache::*;
    use crate::cli::registry::*;
    use crate::context::*;
    use crate::models::*;
    use crate::replay::*;
    use crate::retries::*;
    use crate::tools::*;
    use crate::validators::*;
    use crate::web::*;

    macro_rules! assert_test_exists {
        ($name:ident) => {
            use self::$name as _;
        };
    }

    ringfence_built::foreach_attack!(assert_test_exists);
    ringfence_built::foreach_friend!(assert_test_exists);
    ringfence_built::foreach_skill!(assert_test_exists);
}
