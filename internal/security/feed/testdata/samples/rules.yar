/* doors
   and gates */
import "pe"
include "other.yar"

private global rule Door_Left_Open : DOOR HOUSE {
   meta:
      description = "Finds doors \"left open\" // no comment"
      author = "A. Watcher"
      date = "2030-01-02"
      score = -75
      strict = true
   strings:
      $a = "door { open } // still text" ascii wide
      $b = { 6F 70 [2-4] ( 65 | 6E ) } // a comment }
      $c = /ga[t\/]e[}]/ nocase
      $ = "anonymous"
   condition:
      // a comment with }
      uint16(0) == 0x5a4d and
      ( $a or #b > 2 ) /* and more */ and "x}" matches /a}b/
}
rule Empty_Rule { condition: false }
