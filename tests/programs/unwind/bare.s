# A leaf of assembly without unwind information, which leaves the frame pointer alone and pushes nothing.
	.globl bare
	.type bare, @function
bare:
	mov $3000000, %rcx
1:	dec %rcx
	jnz 1b
	ret
	.size bare, . - bare
	.section .note.GNU-stack, "", @progbits
