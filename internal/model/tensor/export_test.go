package tensor

// Convert writes blocks of a type as blocks of another that says the same.
var Convert = convert
