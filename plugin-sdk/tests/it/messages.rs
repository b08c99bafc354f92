//! Do the mistakes of a beginner get a message that helps?
