package modelstore_test

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/modelstore"
)

func ExampleSuggest() {
	fmt.Println(modelstore.Suggest("/models/Foundation-Sec-8B-Instruct/"))
	fmt.Println(modelstore.Suggest("/models/foundation-sec-8b-q4_k_m-00001-of-00002.gguf"))
	// Output:
	// foundation-sec-8b-instruct
	// foundation-sec-8b-q4_k_m
}
